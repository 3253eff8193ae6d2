"""Invented people, places, cards and goods for the demo shop. Nothing in it is anybody's.

IP addresses are from the documentation and benchmarking ranges, e-mails from example domains and invented
names at gmail.com, British and American phones from the ranges kept for fiction, cards are a test BIN and
four digits.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

Country = Literal["IN", "US", "GB"]

CURRENCY: dict[Country, str] = {"IN": "INR", "US": "USD", "GB": "GBP"}
RUPEES_PER_UNIT: dict[Country, int] = {"IN": 1, "US": 80, "GB": 100}
GATEWAY: dict[Country, str] = {"IN": "payu", "US": "stripe", "GB": "worldpay"}

_FIRST: dict[Country, str] = {
    "IN": "Asha Ravi Meera Arjun Kavya Rohan Anita Vikram Priya Suresh Neha Imran Lakshmi Farah"
    " Deepak Sunita Karan"
    " Pooja Manoj Divya Aditya Shreya Nikhil Rekha Tarun Isha Varun Gauri Harish Zoya",
    "US": "Emily James Olivia Michael Hannah David Grace Carlos Sofia Ethan Maria Tyler Chloe Marcus"
    " Linda Kevin Nora"
    " Brian Tessa Walter Paula Derek Joan Felix",
    "GB": "Harriet Oliver Amelia George Poppy Callum Imogen Rhys Freya Alistair Nadia Graham Bronwen"
    " Tariq Elsie Owen"
    " Sinead Malcolm Beth Rupert",
}
_LAST: dict[Country, str] = {
    "IN": "Rao Sharma Iyer Khan Patel Das Reddy Menon Gupta Joshi Nair Singh Bose Kulkarni Pillai"
    " Chawla Mishra Shetty"
    " Verma Banerjee Desai Kaur Hegde Ansari Thakur",
    "US": "Walker Bennett Ortiz Coleman Nguyen Fisher Sandoval Price Hughes Delgado Porter Simmons"
    " Reyes Barnes Lopez"
    " Whitaker Stone Lambert Novak Frost",
    "GB": "Thornton Ashby Pritchard Okafor Hargreaves Lindsay Begum Whitmore Rowlands Tanner Clarke"
    " Sutton Doyle"
    " Fairley Marsden Cole Ellwood Barlow",
}
_STREET: dict[Country, str] = {
    "IN": "MG Road|Lotus Street|Station Road|Temple Lane|Lake View Road|Nehru Marg|Palm Avenue|Old Mill Road",
    "US": "Oak Street|Maple Avenue|Cedar Lane|Elm Drive|Sunset Boulevard|River Road|Hill Street|Lakeview Drive",
    "GB": "High Street|Church Lane|Station Road|Victoria Terrace|Mill Lane|Park Crescent|Abbey Road|Green Lane",
}
_LOCALITY: dict[Country, str] = {
    "IN": "Sector 9|Shanti Nagar|Green Park|Gandhi Chowk|Rose Garden Colony|Near City Hospital|Phase 2|Model Town",
    "US": "Apt 2|Apt 5B|Unit 12|Suite 300|Floor 3|Apt 11C|Unit 4|Apt 7",
    "GB": "Flat 1|Flat 3B|Top Floor Flat|The Annexe|Flat 12|Garden Flat|Unit 2|Flat 8",
}
_CITY: dict[Country, tuple[tuple[str, str, str], ...]] = {
    "IN": (
        ("Pune", "Maharashtra", "4110"),
        ("Mumbai", "Maharashtra", "4000"),
        ("Bengaluru", "Karnataka", "5600"),
        ("Delhi", "Delhi", "1100"),
        ("Chennai", "Tamil Nadu", "6000"),
        ("Jaipur", "Rajasthan", "3020"),
        ("Lucknow", "Uttar Pradesh", "2260"),
        ("Kolkata", "West Bengal", "7000"),
    ),
    "US": (
        ("Springfield", "IL", "627"),
        ("Austin", "TX", "787"),
        ("Portland", "OR", "972"),
        ("Columbus", "OH", "432"),
        ("Denver", "CO", "802"),
    ),
    "GB": (
        ("Leeds", "West Yorkshire", "LS"),
        ("Bristol", "Avon", "BS"),
        ("Manchester", "Greater Manchester", "M"),
        ("Cardiff", "South Glamorgan", "CF"),
    ),
}
_BINS: dict[Country, str] = {
    "IN": "411111 400005 508500 607482 555555 520082 401288 222300",
    "US": "424242 401288 510510 378282 601111 400005 545454 222300",
    "GB": "400000 424242 555555 520082 545454 510510",
}
_WORDS = ("blue", "lucky", "quiet", "star", "river")
_MAIL_DOMAINS = ("gmail.com",) * 6 + ("example.com", "example.com", "example.org", "mail.example.net")
_AREA_CODES = ("212", "305", "415", "512", "617", "702", "713", "808", "904", "971")

_GOODS = (
    # title, category, price in rupees, sold by seller number
    ("USB cable", "Electronics > Accessories", 249, 1),
    ("Phone case", "Electronics > Accessories", 399, 1),
    ("Screen protector", "Electronics > Accessories", 199, 1),
    ("Earphones", "Electronics > Audio", 1_299, 2),
    ("Bluetooth speaker", "Electronics > Audio", 2_799, 2),
    ("Power bank", "Electronics > Accessories", 1_499, 2),
    ("Smartphone 128 GB", "Electronics > Phones", 18_999, 3),
    ("Smartphone 256 GB", "Electronics > Phones", 31_499, 3),
    ("Tablet 10 inch", "Electronics > Tablets", 21_999, 3),
    ("Smart watch", "Electronics > Wearables", 8_499, 3),
    ("Cotton T-shirt", "Fashion > Men", 499, 4),
    ("Running shoes", "Fashion > Shoes", 3_299, 4),
    ("Designer trainers", "Fashion > Shoes", 9_999, 5),
    ("Silk saree", "Fashion > Women", 4_999, 5),
    ("Kurta", "Fashion > Women", 1_199, 4),
    ("Jeans", "Fashion > Men", 1_799, 4),
    ("Pressure cooker", "Home > Kitchen", 2_199, 6),
    ("Steel bottle", "Home > Kitchen", 649, 6),
    ("Bed sheet", "Home > Bedroom", 899, 6),
    ("Table lamp", "Home > Lighting", 1_099, 6),
    ("Novel, paperback", "Books > Fiction", 349, 7),
    ("Cook book", "Books > Home", 799, 7),
    ("Board game", "Toys > Games", 1_599, 7),
    ("Gift card", "Gift cards", 500, 7),
)
GOODS_COUNT = len(_GOODS)
CHEAP = (0, 1, 2, 17, 20, 23)
"""Goods whose price nobody looks at twice."""
RESOLD = (6, 7, 8, 9, 12)
"""Goods that are easily turned into money."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name and a country."""

    first: str
    last: str
    country: Country

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


@dataclass(frozen=True, slots=True)
class Card:
    """What a shop may see of a card: never its number."""

    bin: str
    last4: str
    month: str
    year: str


@dataclass(frozen=True, slots=True)
class Good:
    """One line of a cart; `minor` is the unit price in minor units of `currency`."""

    number: int
    title: str
    category: str
    minor: int
    currency: str
    seller: int


def decimal(minor: int) -> str:
    """Minor units as the contract writes money.

    >>> decimal(49905)
    '499.05'
    """
    return f"{minor // 100}.{minor % 100:02d}"


def good(number: int, country: Country) -> Good:
    """The catalogue's good `number`, priced for `country`."""
    title, category, rupees, seller = _GOODS[number]
    return Good(number, title, category, rupees * 100 // RUPEES_PER_UNIT[country], CURRENCY[country], seller)


class Inventor:
    """Makes people and their things up, out of one random source; what should be personal is not"
    " handed out twice."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._taken: set[str] = set()

    def person(self) -> Person:
        """Somebody from one of the shop's countries, most often from India."""
        country: Country = self.random.choices(("IN", "US", "GB"), (60, 25, 15))[0]
        return self.compatriot(country)

    def compatriot(self, country: Country, *, last: str | None = None) -> Person:
        """Somebody from a country, of the family `last` when that is given."""
        first = self.random.choice(_FIRST[country].split())
        return Person(first, last or self.random.choice(_LAST[country].split()), country)

    def email(self, person: Person) -> str:
        """An address that mostly holds the person's name, as addresses do."""
        first, last = person.first.lower(), person.last.lower()
        for _ in range(50):
            digits = str(self.random.randrange(2, 9999))
            style = self.random.randrange(5)
            local = (
                f"{first}.{last}{digits}",
                f"{first}{last}{digits}",
                f"{first[0]}{last}{digits}",
                f"{first}{digits}",
                f"{self.random.choice(_WORDS)}{digits}{first[0]}{last[0]}",
            )[style]
            if local not in self._taken:
                break
        self._taken.add(local)
        return f"{local}@{self.random.choice(_MAIL_DOMAINS)}"

    def gibberish(self) -> str:
        """Seven to eleven letters that are no word."""
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxyzaeiou", k=self.random.randint(7, 11)))

    def phone(self, country: Country) -> str | None:
        """A phone in E.164; None when the numbers kept for fiction are used up."""
        for _ in range(30):
            if country == "US":
                phone = f"+1{self.random.choice(_AREA_CODES)}55501{self.random.randrange(100):02d}"
            elif country == "GB":
                phone = f"+447700900{self.random.randrange(1000):03d}"
            else:
                phone = f"+9170000{self.random.randrange(100_000):05d}"
            if phone not in self._taken:
                self._taken.add(phone)
                return phone
        return None

    def address(self, person: Person, phone: str | None) -> dict[str, object]:
        """A contract address of `person`."""
        country, random = person.country, self.random
        city, region, zip_start = random.choice(_CITY[country])
        if country == "GB":
            letters = "".join(random.choices("ABDEFGHJLNPQRSTUWXYZ", k=2))
            zipcode = f"{zip_start}{random.randint(1, 19)} {random.randint(1, 9)}{letters}"
        else:
            zipcode = f"{zip_start}{random.randrange(100):02d}"
        address: dict[str, object] = {
            "_name": person.name,
            "_address1": f"{random.randint(1, 399)} {random.choice(_STREET[country].split('|'))}",
            "_city": city,
            "_region": region,
            "_country": country,
            "_zipcode": zipcode,
        }
        if random.random() < 0.7:
            address["_address2"] = random.choice(_LOCALITY[country].split("|"))
        if phone is not None:
            address["_phone"] = phone
        if random.random() < 0.3:
            address["_isHomeAddress"] = True
        return address

    def card(self, country: Country) -> Card:
        """A card that a bank of the country might have issued."""
        random = self.random
        return Card(
            random.choice(_BINS[country].split()),
            f"{random.randrange(10_000):04d}",
            f"{random.randint(1, 12):02d}",
            str(random.randint(2027, 2032)),
        )

    def device(self) -> str:
        return f"dv-{self.random.getrandbits(48):012x}"

    def home_ip(self) -> str:
        """A line of one's own: 198.18.0.0/15, kept for benchmarks, large enough for everybody."""
        number = self.random.randrange(1 << 17)
        return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"

    def office_ip(self) -> str:
        return f"203.0.113.{self.random.randrange(1, 255)}"

    def mobile_ip(self) -> str:
        """One of few addresses behind which a mobile network hides many people, good and bad."""
        return f"198.51.100.{self.random.randrange(1, 49)}"

    def hosting_ip(self) -> str:
        """Where bots run, and where careful people leave their VPN."""
        return f"192.0.2.{self.random.randrange(1, 255)}"

    def cart(self, country: Country, *, among: tuple[int, ...] | None = None, most: int = 4) -> list[Good]:
        """One to `most` different goods, cheap ones more often; `among` limits the choice."""
        count = min(most, self.random.choices((1, 2, 3, 4), (55, 25, 13, 7))[0])
        if among is None:
            weights = [1 / (price + 500) for _, _, price, _ in _GOODS]
            numbers = list(dict.fromkeys(self.random.choices(range(GOODS_COUNT), weights, k=count)))
        else:
            numbers = self.random.sample(among, min(count, len(among)))
        return [good(number, country) for number in numbers]
