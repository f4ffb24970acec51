"""The OpenRPC document, made from the methods' signatures: it cannot say anything that is not so."""

from collections.abc import Iterable
from typing import Any

import msgspec

from twilight.api.call import Call
from twilight.api.errors import ERROR_TABLE
from twilight.api.registry import Method, Registry

OPENRPC_VERSION = "1.3.2"
DISCOVER = "rpc.discover"
_REFERENCE = "#/components/schemas/{name}"


def document(methods: Registry, title: str, version: str) -> dict[str, Any]:
    """Return the OpenRPC document of a registry."""
    described = list(methods)
    schemas, components = msgspec.json.schema_components(_types(described), ref_template=_REFERENCE)
    by_type = iter(schemas)
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {"title": title, "version": version},
        "methods": [_method(method, by_type) for method in described],
        "components": {"schemas": components, "errors": _errors()},
    }


def add_discovery(methods: Registry, title: str, version: str) -> Registry:
    """Serve the registry's document as ``rpc.discover``, and return the registry."""
    made = document(methods, title, version)

    @methods.method(DISCOVER)
    async def discover(call: Call) -> dict[str, Any]:
        """Return the OpenRPC document of this path."""
        del call
        return made

    return methods


def _types(methods: Iterable[Method]) -> list[Any]:
    return [kind for method in methods for kind in (method.params_type or dict, method.result_type)]


def _method(method: Method, schemas: Any) -> dict[str, Any]:  # noqa: ANN401 - an iterator of schemas
    params, result = next(schemas), next(schemas)
    summary, _, description = (method.handler.__doc__ or "").partition("\n")
    return {
        "name": method.name,
        "summary": summary.strip(),
        "description": " ".join(description.split()),
        "paramStructure": "by-name" if method.takes_whole else "either",
        "params": _params(method, params),
        "result": {"name": "result", "schema": result},
        "errors": [{"$ref": f"#/components/errors/E{abs(code)}"} for code in ERROR_TABLE],
    }


def _params(method: Method, schema: dict[str, Any]) -> list[dict[str, Any]]:
    if method.decoder is None:
        return []
    if method.takes_whole:
        return [{"name": "params", "required": True, "schema": schema}]
    own, components = msgspec.json.schema_components([method.params_type], ref_template=_REFERENCE)
    properties = components[own[0]["$ref"].rsplit("/", 1)[1]]
    required = properties.get("required", [])
    return [
        {"name": name, "required": name in required, "schema": properties["properties"][name]} for name in method.names
    ]


def _errors() -> dict[str, Any]:
    return {f"E{abs(code)}": {"code": code, "message": text} for code, text in ERROR_TABLE.items()}
