"""Machines that open links before people do. For reports alone, never for control. Pure."""

import re

# Names that scanners and scripts give themselves. Many give none and look like a browser, so what
# is not found here may be one all the same: see the report's other signs (unsub/scanner_report.py).
_NAMES = (
    ("barracuda", r"barracuda"),
    ("cisco", r"ironport|cisco"),
    ("fortinet", r"forti(guard|mail|net)"),
    ("google", r"google-safety|googleimageproxy|google-read-aloud"),
    ("headless browser", r"headlesschrome|phantomjs|slimerjs"),
    ("microsoft", r"ms-office|microsoft office|bingpreview|skypeuripreview|safelinks"),
    ("mimecast", r"mimecast"),
    ("proofpoint", r"proofpoint|urldefense"),
    ("script", r"^(curl|wget|python-|java/|go-http-client|okhttp|libwww|ruby|php|axios|node)"),
    ("sophos", r"sophos"),
    ("symantec", r"symantec|messagelabs"),
    ("trend micro", r"trend ?micro"),
    ("zscaler", r"zscaler"),
)
_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _NAMES)


def scanner_of(user_agent: str) -> str:
    """Return the name of the scanner that a User-Agent belongs to; empty for what may be a
    person's browser. "script" is also what sends none at all."""
    if not user_agent.strip():
        return "script"
    return next((name for name, pattern in _PATTERNS if pattern.search(user_agent[:512])), "")
