"""Puts figures that a script made between two markers of a page."""

import os


def write_between(path, begin, end, lines):
    """Replaces what is between the markers; a page without them gets them at its end."""
    text = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
    block = "\n".join([begin, "", *lines, "", end])
    if begin in text:
        before, _, rest = text.partition(begin)
        text = before + block + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{block}\n".lstrip()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
