"""Recognise automated link scanners by their User-Agent. For reports only, never for control."""

import re

# Names in the User-Agent of scanners and scripts. Many scanners send a browser's User-Agent, so an
# unmatched one can be a scanner all the same: see the other signs in
# unsub/reporting/scanner_report.py.
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
    """Return the name of the scanner that a User-Agent belongs to, or "" for what may be a person's
    browser. A missing User-Agent gives "script"."""
    if not user_agent.strip():
        return "script"
    return next((name for name, pattern in _PATTERNS if pattern.search(user_agent[:512])), "")
