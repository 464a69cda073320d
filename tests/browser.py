"""A browser without a window, for tests and for the pictures of the documentation."""

import os
import shutil
from contextlib import contextmanager

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
]  # fmt: skip


def installed():
    """Return the path of a browser of the system; None: playwright's own is taken."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("GRADCORE_BROWSER") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def browser():
    """Yield a browser of playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        found = running.chromium.launch(executable_path=installed(), args=ARGUMENTS)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def opened(found, path, width=1280, height=760, scheme="light"):
    """Yield a page with a file, and all that it complains about or asks the network for."""
    context = found.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    wrong = []
    page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda request: wrong.append(request.url))
    page.goto(path.as_uri())
    wrong.remove(path.as_uri())
    wrong[:] = [url for url in wrong if not url.startswith("data:")]
    page.evaluate("document.fonts.ready")
    try:
        yield page, wrong
    finally:
        context.close()
