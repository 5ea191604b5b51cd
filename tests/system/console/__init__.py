"""The console in a real browser.

A package, because fixtures of its scope end before other tests: the browser's event loop would be in their way. For the
same reason async tests of the console are in `console_pages`.
"""
