"""Transcripts of whole conversations, kept as text files.

UPDATE_GOLDEN=1 rewrites a file; the difference is read in the same commit.
"""

import os
import pathlib
import re

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"

# What differs from run to run, and its placeholder.
VOLATILE = (
    (re.compile(r"(?im)^([<>] owner-token): [\w-]{43}"), r"\1: TOKEN"),
    (re.compile(r'(?im)^([<>] (?:etag|if-none-match)): "[^"␍]*"'), r"\1: ETAG"),
    (re.compile(r"(?im)^([<>] date): [^␍]+"), r"\1: DATE"),
    (re.compile(r"(?im)^([<>] (?:user-agent|server): \w+)/[\w.+-]+"), r"\1/VERSION"),
    (re.compile(r"(?im)^([<>] (?:session-certificate|request-serial|request-signature)): [^␍]+"),
     r"\1: SIGNED"),
    (re.compile(r'"certificate":"[^"]*"'), '"certificate":CERTIFICATE'),
    (re.compile(r'"(since|version|id)":("[^"]*"|\d+)'), r'"\1":ANY'),
)
ENDPOINT = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost):(\d{4,5})\b")


def with_placeholders(text):
    """The text with ports numbered in order of appearance, and other volatile parts named."""
    ports = {}

    def number(match):
        port = ports.setdefault(match.group(2), f"PORT{len(ports) + 1}")
        return f"{match.group(1)}:{port}"

    text = ENDPOINT.sub(number, text)
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def check(test, name, text):
    """Compares with golden/NAME, or rewrites it under UPDATE_GOLDEN=1."""
    path = GOLDEN / name
    text = with_placeholders(text)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        test.fail(f"{path} is missing; UPDATE_GOLDEN=1 writes it")
    test.assertEqual(path.read_text(encoding="utf-8"), text,
                     f"{path.name} differs; UPDATE_GOLDEN=1 rewrites it")
