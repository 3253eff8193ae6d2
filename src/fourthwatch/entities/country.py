"""Countries as addresses write them, and the currencies that each one's shoppers usually pay in."""

from functools import lru_cache

from fourthwatch.limits import DOMAINS_CACHED_MAX

COUNTRIES_VERSION = 1
"""Goes up when a row below changes."""
_TEXT_CHARS_MAX = 64

_NAMES = {
    "UK": "GB",
    "USA": "US",
    "UNITED STATES": "US",
    "UNITED STATES OF AMERICA": "US",
    "GBR": "GB",
    "UNITED KINGDOM": "GB",
    "GREAT BRITAIN": "GB",
    "ENGLAND": "GB",
    "IND": "IN",
    "INDIA": "IN",
    "BHARAT": "IN",
    "CAN": "CA",
    "CANADA": "CA",
    "AUS": "AU",
    "AUSTRALIA": "AU",
    "DEU": "DE",
    "GERMANY": "DE",
    "DEUTSCHLAND": "DE",
    "FRA": "FR",
    "FRANCE": "FR",
    "IDN": "ID",
    "INDONESIA": "ID",
    "ARE": "AE",
    "UAE": "AE",
    "UNITED ARAB EMIRATES": "AE",
    "SGP": "SG",
    "SINGAPORE": "SG",
    "BRA": "BR",
    "BRAZIL": "BR",
    "BRASIL": "BR",
    "ESP": "ES",
    "SPAIN": "ES",
    "ITA": "IT",
    "ITALY": "IT",
    "NLD": "NL",
    "NETHERLANDS": "NL",
    "MEX": "MX",
    "MEXICO": "MX",
    "JPN": "JP",
    "JAPAN": "JP",
    "CHN": "CN",
    "CHINA": "CN",
}

_USERS_OF = {
    "EUR": "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK AD AX GF GP MC ME MQ PM RE SM VA XK YT",
    "USD": "US PR GU VI AS MP EC SV PA PW FM MH TL BQ TC VG UM",
    "XOF": "BJ BF CI GW ML NE SN TG",
    "XAF": "CM CF TD CG GQ GA",
    "XCD": "AG DM GD KN LC VC AI MS",
    "XPF": "PF NC WF",
    "GBP": "GB GG JE IM",
    "AUD": "AU KI NR TV CX CC NF",
    "NZD": "NZ CK NU TK PN",
    "CHF": "CH LI",
    "DKK": "DK FO GL",
    "NOK": "NO SJ BV",
    "ILS": "IL PS",
    "MAD": "MA EH",
    "XCG": "CW SX",
}  # fmt: skip
_OWN = (
    "BL:EUR MF:EUR"
    " AE:AED AF:AFN AL:ALL AM:AMD AO:AOA AR:ARS AW:AWG AZ:AZN BA:BAM BB:BBD BD:BDT BG:BGN BH:BHD BI:BIF BM:BMD BN:BND"
    " BO:BOB BR:BRL BS:BSD BT:BTN BT:INR BW:BWP BY:BYN BZ:BZD CA:CAD CD:CDF CD:USD CL:CLP CN:CNY CO:COP CR:CRC CU:CUP"
    " CV:CVE CW:ANG CZ:CZK DJ:DJF DO:DOP DZ:DZD EG:EGP ER:ERN ET:ETB FJ:FJD FK:FKP GE:GEL GH:GHS GI:GIP GM:GMD GN:GNF"
    " GT:GTQ GY:GYD HK:HKD HN:HNL HT:HTG HU:HUF ID:IDR IN:INR IQ:IQD IR:IRR IS:ISK JM:JMD JO:JOD JP:JPY KE:KES KG:KGS"
    " KH:KHR KH:USD KM:KMF KP:KPW KR:KRW KW:KWD KY:KYD KZ:KZT LA:LAK LB:LBP LB:USD LK:LKR LR:LRD LR:USD LS:LSL LS:ZAR"
    " LY:LYD MD:MDL MG:MGA MK:MKD MM:MMK MN:MNT MO:MOP MO:HKD MR:MRU MU:MUR MV:MVR MW:MWK MX:MXN MY:MYR MZ:MZN NA:NAD"
    " NA:ZAR NG:NGN NI:NIO NP:NPR NP:INR OM:OMR PA:PAB PE:PEN PG:PGK PH:PHP PK:PKR PL:PLN PS:JOD PY:PYG QA:QAR RO:RON"
    " RS:RSD RU:RUB RW:RWF SA:SAR SB:SBD SC:SCR SD:SDG SE:SEK SG:SGD SH:SHP SL:SLE SO:SOS SR:SRD SS:SSP ST:STN SX:ANG"
    " SY:SYP SZ:SZL SZ:ZAR TH:THB TJ:TJS TM:TMT TN:TND TO:TOP TR:TRY TT:TTD TW:TWD TZ:TZS UA:UAH UG:UGX UY:UYU UZ:UZS"
    " VE:VES VE:USD VN:VND VU:VUV WS:WST YE:YER ZA:ZAR ZM:ZMW ZW:USD ZW:ZWG"
)


def _currencies() -> dict[str, frozenset[str]]:
    usual: dict[str, set[str]] = {}
    for currency, countries in _USERS_OF.items():
        for country in countries.split():
            usual.setdefault(country, set()).add(currency)
    for pair in _OWN.split():
        country, _, currency = pair.partition(":")
        usual.setdefault(country, set()).add(currency)
    return {country: frozenset(currencies) for country, currencies in usual.items()}


_CURRENCIES = _currencies()
_EVERY_CURRENCY = frozenset(currency for usual in _CURRENCIES.values() for currency in usual)


def country_code(text: str | None) -> str | None:
    """ISO alpha-2 of a country as addresses write it. None: not said, or no country that is known here.

    >>> country_code("in"), country_code("United Kingdom"), country_code("Atlantis")
    ('IN', 'GB', None)
    """
    if text is None or len(text) > _TEXT_CHARS_MAX:
        return None
    return text if text in _CURRENCIES else _written(text)


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def _written(text: str) -> str | None:
    word = " ".join(text.upper().replace(".", "").split())
    word = _NAMES.get(word, word)
    return word if word in _CURRENCIES else None


def is_usual_currency(currency: str, country: str) -> bool | None:
    """Whether shoppers of a country (alpha-2) usually pay in a currency (ISO 4217).

    None: no such country here, or no money of any country (points).

    >>> is_usual_currency("inr", "IN"), is_usual_currency("USD", "IN"), is_usual_currency("PTS", "IN")
    (True, False, None)
    """
    usual = _CURRENCIES.get(country)
    code = currency.strip().upper() if len(currency) <= _TEXT_CHARS_MAX else ""
    return None if usual is None or code not in _EVERY_CURRENCY else code in usual
