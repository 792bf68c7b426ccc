"""Reading YAML so that nothing is ignored: a key that is given twice is an error that says where."""

from __future__ import annotations

from typing import Any

from search_spaces.errors import TunerError


def load_yaml(text: str, source: str) -> Any:
    """The data that `text` holds. Raises TunerError with the line for broken YAML and for a key given twice."""
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
        return yaml.load(text, Loader=UniqueKeys)
    except (yaml.YAMLError, TypeError) as error:
        raise TunerError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from None
