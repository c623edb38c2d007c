"""Read the forms of a page and send them as a browser would."""

from html.parser import HTMLParser
from urllib.parse import urlencode


class Form(HTMLParser):
    """The fields of a page: default values, unticked boxes, buttons and labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.filled: list[tuple[str, str]] = []
        self.unticked: list[tuple[str, str]] = []
        self.buttons: set[str] = set()
        self.labels: dict[str, str] = {}
        self._select = self._label = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read a field, a button, or the start of a label."""
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
        """Read the text of a label: its first text only."""
        if self._label and data.strip():
            self.labels.setdefault(data.strip(), self._label.removeprefix("id_"))
            self._label = ""

    def ticked(self, name: str) -> set[str]:
        """Return the values of the ticked boxes of that name."""
        return {value for one, value in self.filled if one == name}

    def open(self, name: str) -> set[str]:
        """Return the values of the unticked boxes of that name."""
        return {value for one, value in self.unticked if one == name}

    def toggled(self, name: str, value: str) -> str:
        """Return the form data with one box toggled."""
        box = (name, value)
        rest = [one for one in self.filled if one != box]
        return urlencode(rest if box in self.filled else [*rest, box])

    def typed(self, name: str, value: str) -> str:
        """Return the form data with another value in a field."""
        return urlencode([*(one for one in self.filled if one[0] != name), (name, value)])

    def pressed(self, button: str) -> str:
        """Return the form data with this button instead of the default one."""
        return urlencode([*self.filled, (button, "1")])
