"""The forms of a page as a browser would send them."""

from html.parser import HTMLParser
from urllib.parse import urlencode


class Form(HTMLParser):
    """All that a page holds to be filled in: what is sent as it stands, the boxes that are not
    ticked, the buttons, and the labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.filled: list[tuple[str, str]] = []
        self.unticked: list[tuple[str, str]] = []
        self.buttons: set[str] = set()
        self.labels: dict[str, str] = {}
        self._select = self._label = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a field, a button, or the beginning of a label."""
        found = {name: value or "" for name, value in attrs}
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "label":
            self._label = found.get("for", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in found:
            self.filled.append((self._select, value))
        elif tag == "button" and name:
            self.buttons.add(name)
        elif tag == "input" and name:
            ticked = found.get("type") not in {"checkbox", "radio"} or "checked" in found
            (self.filled if ticked else self.unticked).append((name, value))

    def handle_data(self, data: str) -> None:
        """Take in the words of a label: the first that there are."""
        if self._label and data.strip():
            self.labels.setdefault(data.strip(), self._label.removeprefix("id_"))
            self._label = ""

    def ticked(self, name: str) -> set[str]:
        """Return which boxes of that name are ticked."""
        return {value for one, value in self.filled if one == name}

    def open(self, name: str) -> set[str]:
        """Return which boxes of that name are not ticked."""
        return {value for one, value in self.unticked if one == name}

    def toggled(self, name: str, value: str) -> str:
        """Return what is sent with one box ticked that was not, or the other way round."""
        box = (name, value)
        rest = [one for one in self.filled if one != box]
        return urlencode(rest if box in self.filled else [*rest, box])

    def typed(self, name: str, value: str) -> str:
        """Return what is sent with something else written into a field."""
        return urlencode([*(one for one in self.filled if one[0] != name), (name, value)])

    def pressed(self, button: str) -> str:
        """Return what is sent with this button and not the usual one."""
        return urlencode([*self.filled, (button, "1")])
