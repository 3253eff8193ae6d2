"""Mail domains: who can have registered them, whether they are thrown away after use, whether anybody gets one free.

Public suffixes and throw-away domains are lists that others keep; both come inside packages and are never fetched.
"""

from functools import lru_cache

from disposable_email_domains import allowlist, blocklist
from publicsuffixlist import PublicSuffixList

from fourthwatch.entities.words import word_set
from fourthwatch.limits import DOMAINS_CACHED_MAX

FREE_MAIL_VERSION = 1
"""Goes up when the list of free providers below changes."""

_SUFFIXES = PublicSuffixList(accept_unknown=False, only_icann=True)
_PARENTS_MAX = 4

_FREE_MAIL = word_set(
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com windowslive.com passport.com
    icloud.com me.com mac.com aol.com aim.com proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de
    tuta.io tuta.com tutamail.com keemail.me fastmail.com fastmail.fm hey.com zoho.com zohomail.com zohomail.in
    mail.com email.com usa.com post.com europe.com asia.com iname.com writeme.com consultant.com myself.com
    gmx.com gmx.de gmx.net gmx.at gmx.ch gmx.us gmx.fr gmx.co.uk web.de freenet.de t-online.de arcor.de mail.de
    posteo.de mailbox.org 1und1.de online.de
    rediffmail.com rediff.com indiatimes.com sify.com in.com
    yandex.ru yandex.com ya.ru yandex.by yandex.kz yandex.ua mail.ru bk.ru inbox.ru list.ru internet.ru rambler.ru
    ukr.net i.ua meta.ua tut.by
    qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com 189.cn tom.com 21cn.com
    naver.com daum.net hanmail.net nate.com kakao.com
    orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr
    libero.it virgilio.it tiscali.it alice.it tin.it
    wp.pl o2.pl onet.pl op.pl interia.pl gazeta.pl poczta.onet.pl
    seznam.cz email.cz post.cz centrum.cz centrum.sk azet.sk zoznam.sk freemail.hu citromail.hu
    abv.bg mail.bg inbox.lv inbox.lt
    terra.com.br uol.com.br bol.com.br ig.com.br globo.com globomail.com
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net juno.com optonline.net
    btinternet.com sky.com virginmedia.com talktalk.net ntlworld.com blueyonder.co.uk
    bigpond.com bigpond.net.au optusnet.com.au xtra.co.nz
    ymail.com rocketmail.com myyahoo.com rogers.com sympatico.ca shaw.ca telus.net
    ziggo.nl kpnmail.nl planet.nl hetnet.nl telenet.be skynet.be bluewin.ch
    walla.co.il walla.com duck.com hushmail.com inbox.com lycos.com excite.com mailfence.com runbox.com
    """
)
_FREE_MAIL_IN_EVERY_COUNTRY = ("yahoo.", "hotmail.", "outlook.", "live.")


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def registered_domain(domain: str) -> str | None:
    """The part of an ASCII domain in lower case that somebody registered: one label more than its public suffix.

    None: under no public suffix, so nobody can have registered it, or itself only a suffix.

    >>> registered_domain("mail.shop.co.uk"), registered_domain("shop.invalid"), registered_domain("co.uk")
    ('shop.co.uk', None, None)
    """
    return _SUFFIXES.privatesuffix(domain)


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def is_disposable(domain: str) -> bool:
    """Whether mailboxes of the domain, or of one it lies in, are made to be thrown away.

    >>> is_disposable("mailinator.com"), is_disposable("x.mailinator.com"), is_disposable("gmail.com")
    (True, True, False)
    """
    for _ in range(_PARENTS_MAX):
        if domain in blocklist:
            return domain not in allowlist
        domain = domain.partition(".")[2]
        if "." not in domain:
            break
    return False


def is_free_mail(domain: str) -> bool:
    """Whether anybody can open a mailbox of the domain without paying or proving who they are.

    >>> is_free_mail("gmail.com"), is_free_mail("yahoo.co.in"), is_free_mail("example.com")
    (True, True, False)
    """
    return domain in _FREE_MAIL or domain.startswith(_FREE_MAIL_IN_EVERY_COUNTRY)


def country_of_domain(domain: str) -> str | None:
    """Alpha-2 of the country whose domain it lies under; None: under a general one (`com`), or one sold as general.

    >>> country_of_domain("shop.co.in"), country_of_domain("shop.co.uk"), country_of_domain("shop.io")
    ('IN', 'GB', None)
    """
    last = domain.rpartition(".")[2]
    if len(last) != 2 or not last.isascii() or not last.isalpha() or last in _SOLD_TO_ANYBODY:
        return None
    return "GB" if last == "uk" else last.upper()


_SOLD_TO_ANYBODY = word_set("ac ai cc co eu fm gg im io is la ly me nu sh st su tk to tv vc ws ml ga cf gq so")
