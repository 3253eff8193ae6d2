"""Files that the operator supplies: what each usual form tells, and what is refused."""

import gzip
from pathlib import Path

import pytest

from fourthwatch.entities.ip_place import IpPlace
from fourthwatch.entities.supplied import Supplied, read_supplied
from fourthwatch.errors import UsageError
from mmdb import write_mmdb

COUNTRIES = {
    "203.0.113.0/24": {"country": {"iso_code": "IN", "names": {"en": "India"}}},
    "198.51.100.0/25": {"registered_country": {"iso_code": "US"}},
    "2001:db8::/32": {"country": {"iso_code": "DE"}},
}
NETWORKS = {
    "203.0.113.0/25": {"autonomous_system_number": 64_500, "autonomous_system_organization": "Home Broadband"},
    "203.0.113.128/25": {"autonomous_system_number": 64_501, "autonomous_system_organization": "Rented Racks"},
}


def told(*files: Path, ip: str) -> IpPlace | None:
    return read_supplied(files, None).ip_place(ip)


def test_without_a_file_nothing_is_known() -> None:
    assert Supplied().ip_place("203.0.113.7") is None
    assert Supplied().card_country("411111") is None
    assert read_supplied((), None).versions == {}


def test_several_files_in_maxminds_form_tell_together(tmp_path: Path) -> None:
    files = (
        write_mmdb(tmp_path / "country.mmdb", "GeoLite2-Country", COUNTRIES),
        write_mmdb(tmp_path / "asn.mmdb", "GeoLite2-ASN", NETWORKS),
    )
    supplied = read_supplied(files, None)
    assert supplied.ip_place("203.0.113.7") == IpPlace("IN", 64_500, "Home Broadband")
    assert supplied.ip_place("203.0.113.200") == IpPlace("IN", 64_501, "Rented Racks")
    assert supplied.ip_place("198.51.100.1") == IpPlace("US")
    assert supplied.ip_place("2001:db8::7") == IpPlace("DE")
    assert supplied.ip_place("192.0.2.1") == IpPlace()
    assert supplied.ip_place(None) is None
    assert list(supplied.versions) == ["country.mmdb", "asn.mmdb"]
    assert supplied.versions["country.mmdb"].startswith("GeoLite2-Country 2026-09-21 sha256:")


def test_a_file_of_anonymous_addresses_also_tells_which_are_none(tmp_path: Path) -> None:
    file = write_mmdb(
        tmp_path / "a.mmdb", "GeoIP2-Anonymous-IP",
        {"203.0.113.0/28": {"is_anonymous": True, "is_hosting_provider": True, "is_anonymous_vpn": True},
         "203.0.113.32/28": {"is_anonymous": True, "is_tor_exit_node": True}},
    )  # fmt: skip
    assert told(file, ip="203.0.113.1") == IpPlace(is_hosting=True, is_anonymous=True)
    assert told(file, ip="203.0.113.33") == IpPlace(is_hosting=False, is_anonymous=True)
    assert told(file, ip="192.0.2.1") == IpPlace(is_hosting=False, is_anonymous=False)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("ip2asn.tsv", "203.0.113.0\t203.0.113.255\t64500\tIN\tHOME-BB Home\n", IpPlace("IN", 64_500, "HOME-BB Home")),
        ("country.csv", "203.0.113.0,203.0.113.255,IN\n2001:db8::,2001:db8::ffff,DE\n", IpPlace("IN")),
        ("asn.csv", '203.0.113.0,203.0.113.255,64500,"Home, Inc."\n', IpPlace(None, 64_500, "Home, Inc.")),
        ("with-head.csv", "start_ip,end_ip,country\n203.0.113.0,203.0.113.255,IN\n", IpPlace("IN")),
        ("numbers.csv", "# made today\n203.0.113.0,203.0.113.255,AS64500\n", IpPlace(None, 64_500)),
    ],
)  # fmt: skip
def test_tables_of_ranges_are_read_by_what_their_columns_look_like(
    tmp_path: Path, name: str, text: str, place: IpPlace
) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    packed = tmp_path / (name + ".gz")
    packed.write_bytes(gzip.compress(text.encode()))
    for one in (file, packed):
        assert told(one, ip="203.0.113.0") == told(one, ip="203.0.113.255") == place
        assert told(one, ip="203.0.112.255") == told(one, ip="203.0.114.0") == told(one, ip="::1") == IpPlace()
        assert read_supplied((one,), None).versions[one.name].startswith("sha256:")


def test_ipv6_ranges_lie_apart_from_ipv4(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("::,::ffff,US\n0.0.0.1,0.0.255.255,IN\n2001:db8::,2001:db8:ffff::,DE\n", "utf-8")
    assert [told(file, ip=ip) for ip in ("::5", "0.0.0.5", "2001:db8:1::", "1.0.0.0")] == [
        IpPlace("US"), IpPlace("IN"), IpPlace("DE"), IpPlace()
    ]  # fmt: skip


def test_a_list_of_asns_says_which_networks_are_hosting(tmp_path: Path) -> None:
    asns = tmp_path / "hosting.csv"
    asns.write_text("ASN,Entity\n64501,Rented Racks\nAS64502,Other\n", "utf-8")
    files = (write_mmdb(tmp_path / "asn.mmdb", "GeoLite2-ASN", NETWORKS), asns)
    supplied = read_supplied(files, None)
    assert [supplied.ip_place(ip).is_hosting for ip in ("203.0.113.7", "203.0.113.200", "192.0.2.1")] == [  # type: ignore[union-attr]
        False, True, None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mmdb", b"no such thing"), ("a.csv", b""), ("b.csv", b"start,end,country\n"),
        ("c.csv", b"203.0.113.0,x,IN\n"), ("d.csv", b"203.0.113.0,203.0.113.9\n"), ("e.csv", b"a,b\nc,d\n"),
        ("f.csv", b"\xff\xfe"), ("g.tsv.gz", b"plain"), ("h.csv", b"64500,x\n203.0.113.0,203.0.113.9,IN\n"),
        ("i.csv", b"203.0.113.0,203.0.113.9,IN\n64500,x\n"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_understood_is_refused_by_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        read_supplied((tmp_path / name,), None)
    with pytest.raises(UsageError, match=name):
        read_supplied((), tmp_path / name)
    with pytest.raises(UsageError, match="missing"):
        read_supplied((tmp_path / "missing.csv",), None)


@pytest.mark.parametrize(
    "text",
    [
        "bin,country\n411111,US\n55555555,in\n4111119,DE\n12,US\n",
        "BIN,Brand,Type,isoCode2,isoCode3,CountryName\n411111,VISA,CREDIT,US,USA,x\n555555,MC,DEBIT,IN,IND,x\n",
        "bin,brand,alpha_2,alpha_3,country\n411111,VISA,US,USA,x\n555555,MC,IN,IND,\n",
    ],
)
def test_a_file_of_cards_tells_the_country_of_six_digits(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bins.csv"
    file.write_text(text, "utf-8-sig")
    supplied = read_supplied((), file)
    assert [supplied.card_country(digits) for digits in ("411111", "555555", "400000", None)] == [
        "US",
        "IN",
        None,
        None,
    ]
    assert supplied.versions["bins.csv"].startswith("sha256:")
