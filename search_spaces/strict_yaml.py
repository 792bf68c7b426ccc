"""Reading YAML so that nothing is ignored: unknown, missing, doubled and mistyped keys are errors that say where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from search_spaces.errors import TunerError, unknown_name

T = TypeVar("T")
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


def load_yaml(text: str, source: str) -> Section:
    """The mapping that `text` holds. Raises TunerError with the line for broken YAML and for a key given twice."""
    import yaml

    class UniqueKeys(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                raise TunerError(f"{source}: key {key!r} is given twice", f"see line {node.start_mark.line + 1} on")
        return loader.construct_mapping(node, deep=True)

    UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        document = yaml.load(text, Loader=UniqueKeys)
    except (yaml.YAMLError, TypeError) as error:
        raise TunerError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from None
    return Section.of(document, source)


@dataclass
class Section:
    """A mapping of a file; keys are taken out one by one and `done` complains of those left over."""

    content: dict[Any, Any]
    where: str
    asked: list[str] = field(default_factory=list)

    @staticmethod
    def of(content: object, where: str) -> Section:
        """A section, if `content` is a mapping. Raises TunerError otherwise."""
        if not isinstance(content, dict):
            raise TunerError(f"{where}: a mapping is needed, not {content!r}")
        return Section(dict(content), where)

    def has(self, key: str) -> bool:
        """Whether `key` was given (and not taken yet)."""
        if key not in self.asked:
            self.asked.append(key)
        return key in self.content

    def take(self, key: str, wanted: type[T], default: T | None = None) -> T:
        """The value of `key`; `default` when it is missing, an error when there is no default either."""
        if not self.has(key):
            if default is None:
                raise TunerError(f"{self.where}: key {key!r} is missing")
            return default
        return typed(self.content.pop(key), wanted, f"{self.where}.{key}")

    def take_each(self, key: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        """`read(item, where)` of every item of the list `key`; nothing when it is missing."""
        items = self.take(key, list, [])
        return tuple(read(item, f"{self.where}.{key}[{i}]") for i, item in enumerate(items))

    def take_any(self, key: str) -> Any:
        """The value of `key` whatever its type; None when it is missing."""
        return self.content.pop(key) if self.has(key) else None

    def take_section(self, key: str) -> Section:
        """The mapping of `key`; an empty one when it is missing."""
        return Section.of(self.take_any(key) if self.has(key) else {}, f"{self.where}.{key}")

    def one_of(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        """The value of `key`, which must be among `options`."""
        value = self.take(key, str, default)
        if value not in options:
            raise unknown_name(f"value of {self.where}.{key}:", value, options)
        return value

    def items(self) -> Mapping[str, Any]:
        """All keys and values, for mappings whose keys are names; the section is then done."""
        for key in self.content:
            if not isinstance(key, str):
                raise TunerError(f"{self.where}: the name {key!r} is not text")
        content, self.content = self.content, {}
        return content

    def done(self) -> None:
        """Raise TunerError with the nearest match when a key was not taken."""
        for key in self.content:
            raise unknown_name(f"key in {self.where}:", str(key), self.asked)


def typed(value: object, wanted: type[T], where: str) -> T:
    """`value` if it is of the wanted type (a whole number is a number; true is not). Raises TunerError otherwise."""
    accepted: tuple[type, ...] = (int, float) if wanted is float else (wanted,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise TunerError(f"{where}: {_WORDS[wanted]} is needed, not {value!r}")
    return cast("T", value)  # a whole number is accepted as float
