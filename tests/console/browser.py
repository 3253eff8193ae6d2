"""A real browser for the tests of the console: Debian's Chromium without a window, with a profile of its own."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_WAIT_S = 60.0
_CLICKS = 5
_GONE = "does not belong to the document"
"""What Chromium says of an element whose page has just been left, where it does not call it stale."""
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--force-color-profile=srgb",
)  # fmt: skip
WIDE, NARROW = (1280, 900), (390, 844)


class Browser:
    """One window. What a page complains about, and what it loads, is kept for the test to look at."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def size(self, width: int, height: int) -> None:
        """How large a page may be, as a phone or a screen would have it."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def prefer(self, scheme: str) -> None:
        """Dark or light, as the system would have it."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )

    def open(self, path: str) -> None:
        """Go to a page and wait until it stands."""
        self.driver.get(self.url + path)

    def all(self, selector: str) -> list[WebElement]:
        """Elements by CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first such element, waited for."""
        found: WebElement = self.wait(lambda: next(iter(self.all(selector)), None), f"no {selector}")
        return found

    def wait(self, what: Any, message: str = "") -> Any:
        """Until a call gives something true, and what it gives."""

        def tried(_: Any) -> Any:
            try:
                return what()
            except StaleElementReferenceException:
                return None
            except WebDriverException as error:
                if _GONE not in str(error.msg):
                    raise
                return None

        return WebDriverWait(self.driver, _WAIT_S).until(tried, message)

    def text(self) -> str:
        """Everything a person reads on the page."""
        return self.one("body").text

    def see(self, words: str) -> None:
        """Wait until these words are on the page."""
        self.wait(lambda: words in self.text(), f"{words!r} is not on {self.driver.current_url}")

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def press_with_control(self, key: str) -> None:
        """A key while Control is held."""
        chain = webdriver.ActionChains(self.driver)
        chain.key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def click(self, selector: str) -> None:
        """On an element, brought to the middle first: at the edge a note of what was done may lie over it.

        A part that is loaded meanwhile moves what stands below it, or brings it anew, so that it is looked for again.
        """
        for tried in range(1, _CLICKS + 1):
            found = self.one(selector)
            try:
                self.script("arguments[0].scrollIntoView({block: 'center'})", found)
                found.click()
            except (ElementClickInterceptedException, StaleElementReferenceException):
                if tried == _CLICKS:
                    raise
            else:
                return

    def script(self, text: str, *given: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(text, *given)

    def complaints(self) -> list[str]:
        """What the console of the browser tells since it was last asked: errors and breaches of the policy."""
        rows: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [row["message"] for row in rows if row["level"] in ("SEVERE", "WARNING")]

    def sign_in(self, name: str, password: str) -> None:
        """By the form."""
        self.open("/console/sign-in")
        self.fill("input[name=name]", name)
        self.fill("input[name=password]", password)
        self.one("button.primary").click()
        self.one("nav.side")

    def settle(self) -> None:
        """Until nothing is being fetched, swapped in or laid out any more."""
        quiet = "return document.readyState === 'complete' && !document.querySelector('.htmx-request')"
        self.wait(lambda: self.script(quiet))
        self.driver.execute_async_script(
            "const done = arguments[0]; document.fonts.ready.then(() => setTimeout(done, 400))"
        )
        self.wait(lambda: self.script(quiet))

    def shoot(self, path: Path, *, whole: bool = True, height_max: int = 2_600) -> None:
        """A picture of the page, from its top."""
        import base64

        told: dict[str, Any] = {"format": "png"}
        if whole:
            size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            width = int(self.script("return window.innerWidth"))
            height = int(min(max(size["height"], 600), height_max))
            self.size(width, height)
            self.script("window.scrollTo(0, 0)")
            self.script("document.documentElement.style.scrollbarGutter = 'auto'")  # pictures show no bar
        path.write_bytes(base64.b64decode(self.driver.execute_cdp_cmd("Page.captureScreenshot", told)["data"]))


@contextmanager
def browser(url: str) -> Iterator[Browser]:
    """A new browser with an empty profile, closed and forgotten at the end."""
    profile = tempfile.mkdtemp(prefix="fourthwatch-browser-")
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver") or "chromedriver"))
    try:
        driver.set_script_timeout(_WAIT_S)
        opened = Browser(driver, url)
        opened.size(*WIDE)
        yield opened
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


def axe_source() -> str:
    """The accessibility rules, from the npm package that the build unpacked."""
    return (Path(__file__).parents[2] / "build" / "console" / "node_modules" / "axe-core" / "axe.min.js").read_text(
        "utf-8"
    )


def axe_faults(opened: Browser) -> list[str]:
    """What axe finds against WCAG 2.1 A and AA on the page."""
    opened.driver.execute_script(axe_source())
    found = opened.driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(r => done(JSON.stringify("
        "r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' '"
        " + (n.any[0] || n.all[0] || {}).message).slice(0, 4).join(' | ')))))"
    )
    faults: list[str] = json.loads(found)
    return faults
