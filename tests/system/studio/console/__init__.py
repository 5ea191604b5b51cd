"""The console in a real browser.

This is a package so that its package-scoped fixtures end before other tests run: the browser's event loop would disturb
them. For the same reason, async tests of the console are in `console_pages`.
"""
