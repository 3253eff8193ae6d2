"""States and cities as addresses write them, and the beginnings of their postcodes: India, US, Canada, Australia.

Written from public knowledge of the postal systems. An area whose beginning is shared is given to all that share it,
so that a postcode is never called another state's without reason.
"""

from functools import lru_cache

from fourthwatch.limits import DOMAINS_CACHED_MAX

_TEXT_CHARS_MAX = 64

_INDIA = {
    "AN": "andaman and nicobar islands|andaman and nicobar|andaman & nicobar islands|andaman & nicobar",
    "AP": "andhra pradesh|andhra",
    "AR": "arunachal pradesh",
    "AS": "assam",
    "BR": "bihar",
    "CH": "chandigarh",
    "CG": "chhattisgarh|chattisgarh|ct",
    "DH": "dadra and nagar haveli and daman and diu|dadra and nagar haveli|dadra & nagar haveli|daman and diu"
    "|daman & diu|dn|dd",
    "DL": "delhi|new delhi|nct of delhi|ncr delhi",
    "GA": "goa",
    "GJ": "gujarat|gujrat",
    "HR": "haryana",
    "HP": "himachal pradesh",
    "JK": "jammu and kashmir|jammu & kashmir|jammu kashmir|j&k|kashmir",
    "JH": "jharkhand",
    "KA": "karnataka",
    "KL": "kerala",
    "LA": "ladakh",
    "LD": "lakshadweep",
    "MP": "madhya pradesh",
    "MH": "maharashtra|maharastra",
    "MN": "manipur",
    "ML": "meghalaya",
    "MZ": "mizoram",
    "NL": "nagaland",
    "OD": "odisha|orissa|or",
    "PY": "puducherry|pondicherry",
    "PB": "punjab",
    "RJ": "rajasthan",
    "SK": "sikkim",
    "TN": "tamil nadu|tamilnadu",
    "TS": "telangana|tg",
    "TR": "tripura",
    "UP": "uttar pradesh",
    "UK": "uttarakhand|uttaranchal|ut",
    "WB": "west bengal|westbengal",
}
_US = {
    "AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california", "CO": "colorado",
    "CT": "connecticut", "DE": "delaware", "DC": "district of columbia|washington dc|washington d.c.", "FL": "florida",
    "GA": "georgia", "HI": "hawaii", "ID": "idaho", "IL": "illinois", "IN": "indiana", "IA": "iowa", "KS": "kansas",
    "KY": "kentucky", "LA": "louisiana", "ME": "maine", "MD": "maryland", "MA": "massachusetts", "MI": "michigan",
    "MN": "minnesota", "MS": "mississippi", "MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada",
    "NH": "new hampshire", "NJ": "new jersey", "NM": "new mexico", "NY": "new york", "NC": "north carolina",
    "ND": "north dakota", "OH": "ohio", "OK": "oklahoma", "OR": "oregon", "PA": "pennsylvania", "PR": "puerto rico",
    "RI": "rhode island", "SC": "south carolina", "SD": "south dakota", "TN": "tennessee", "TX": "texas", "UT": "utah",
    "VT": "vermont", "VA": "virginia", "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming",
}  # fmt: skip
_CANADA = {
    "AB": "alberta", "BC": "british columbia", "MB": "manitoba", "NB": "new brunswick|nouveau-brunswick",
    "NL": "newfoundland and labrador|newfoundland", "NS": "nova scotia", "NT": "northwest territories", "NU": "nunavut",
    "ON": "ontario", "PE": "prince edward island", "QC": "quebec|québec", "SK": "saskatchewan", "YT": "yukon",
}  # fmt: skip
_AUSTRALIA = {
    "ACT": "australian capital territory", "NSW": "new south wales", "NT": "northern territory", "QLD": "queensland",
    "SA": "south australia", "TAS": "tasmania", "VIC": "victoria", "WA": "western australia",
}  # fmt: skip


def _spelled(states: dict[str, str]) -> dict[str, str]:
    spellings = {code.lower(): code for code in states}
    for code, names in states.items():
        spellings |= dict.fromkeys(names.split("|"), code)
    return spellings


_STATES = {"IN": _spelled(_INDIA), "US": _spelled(_US), "CA": _spelled(_CANADA), "AU": _spelled(_AUSTRALIA)}


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def state_code(region: str, country: str) -> str | None:
    """The postal code of a state or province as written in full or short. None: unknown here.

    >>> state_code("maharashtra", "IN"), state_code("IN-MH", "IN"), state_code("New York", "US"), state_code("?", "US")
    ('MH', 'MH', 'NY', None)
    """
    states = _STATES.get(country)
    if states is None or len(region) > _TEXT_CHARS_MAX:
        return None
    word = " ".join(region.lower().split())
    return states.get(word.removeprefix(country.lower() + "-"))


def _areas(rows: dict[str, str]) -> dict[str, frozenset[str]]:
    """Beginning of a postcode to the states that have codes with it."""
    return {
        beginning: frozenset(states.split()) for beginnings, states in rows.items() for beginning in beginnings.split()
    }


STATES_BY_POSTCODE = {
    "IN": _areas(
        {
            "11": "DL",
            "12 13": "HR",
            "14 15": "PB CH",
            "16": "CH PB HR",
            "17": "HP",
            "18": "JK",
            "19": "JK LA",
            "20 21 22 23 24 25 26 27 28": "UP UK",
            "30 31 32 33 34": "RJ",
            "36 37 38": "GJ DH",
            "39": "GJ DH",
            "40": "MH GA",
            "41 42 43 44": "MH",
            "45 46 47 48": "MP",
            "49": "CG",
            "50": "TS AP",
            "51 52": "AP",
            "53": "AP PY",
            "56 57 58 59": "KA",
            "60": "TN PY",
            "61 62 63 64": "TN",
            "67": "KL PY",
            "68": "KL LD",
            "69": "KL",
            "70 71 72": "WB",
            "73": "WB SK",
            "74": "WB AN",
            "75 76 77": "OD",
            "78": "AS",
            "79": "AR AS ML MN MZ NL TR",
            "80": "BR",
            "81 82": "BR JH",
            "83": "JH",
            "84 85": "BR",
        }
    ),
    "US": _areas(
        {
            "0": "CT MA ME NH NJ NY PR RI VT",
            "1": "DE NY PA",
            "2": "DC MD NC SC VA WV",
            "3": "AL FL GA MS TN",
            "4": "IN KY MI OH",
            "5": "DC IA MN MT ND SD WI",
            "6": "IL KS MO NE",
            "7": "AR LA OK TX",
            "8": "AZ CO ID NM NV TX UT WY",
            "9": "AK CA HI OR WA",
        }
    ),
    "CA": _areas(
        {
            "A": "NL", "B": "NS", "C": "PE", "E": "NB", "G H J": "QC", "K L M N P": "ON", "R": "MB", "S": "SK",
            "T": "AB", "V": "BC", "X": "NT NU", "Y": "YT",
        }
    ),
    "AU": _areas(
        {
            "0": "ACT NT SA WA", "1": "NSW", "2": "ACT NSW QLD VIC", "3": "NSW VIC", "4": "NSW QLD", "5": "SA",
            "6": "WA", "7": "TAS", "8": "VIC", "9": "QLD",
        }
    ),
}  # fmt: skip
"""By country: the first two digits of an Indian PIN, the first character of the others', to states. An Indian PIN that
begins with 9 is the army's and belongs to no state; so do beginnings that are not here."""

_CITIES = {
    "400": "mumbai bombay",
    "110": "delhi new_delhi",
    "560": "bengaluru bangalore",
    "600": "chennai madras",
    "700": "kolkata calcutta",
    "500 501 502": "hyderabad secunderabad",
    "411 412 410": "pune poona",
    "380 382": "ahmedabad",
    "302 303": "jaipur",
    "226 227": "lucknow",
    "208 209": "kanpur",
    "440 441": "nagpur",
    "452 453": "indore",
    "400 401 421": "thane",
    "400 410": "navi_mumbai",
    "462 463": "bhopal",
    "530 531": "visakhapatnam vizag",
    "800 801": "patna",
    "390 391": "vadodara baroda",
    "201": "ghaziabad noida greater_noida",
    "141": "ludhiana",
    "282 283": "agra",
    "422": "nashik nasik",
    "121": "faridabad",
    "122": "gurgaon gurugram",
    "250": "meerut",
    "360": "rajkot",
    "221": "varanasi",
    "190 191": "srinagar",
    "180 181": "jammu",
    "143": "amritsar",
    "211 212": "prayagraj allahabad",
    "834 835": "ranchi",
    "711": "howrah",
    "641": "coimbatore",
    "482": "jabalpur",
    "474 475": "gwalior",
    "520 521": "vijayawada",
    "342": "jodhpur",
    "625": "madurai",
    "492 493": "raipur",
    "324 325": "kota",
    "781": "guwahati",
    "160": "chandigarh",
    "413": "solapur",
    "580": "hubli hubballi dharwad",
    "570 571": "mysore mysuru",
    "620 621": "tiruchirappalli trichy",
    "243": "bareilly",
    "682 683": "kochi cochin ernakulam",
    "695": "thiruvananthapuram trivandrum",
    "248": "dehradun",
    "394 395": "surat",
    "831 832": "jamshedpur",
    "751 752": "bhubaneswar",
    "575 574": "mangalore mangaluru",
    "673": "kozhikode calicut",
    "144": "jalandhar",
    "313": "udaipur",
    "403": "panaji panjim margao",
}
_NOT_SURE = frozenset({"srinagar", "udaipur"})
"""Names that smaller towns in other states bear too."""
CITY_PINS = {
    city.replace("_", " "): frozenset(pins.split())
    for pins, cities in _CITIES.items()
    for city in cities.split()
    if city not in _NOT_SURE
}
"""City in lower case to the first three digits of its PINs, suburbs included."""
