"""For JSON Schema `79.0` is an integer; the gateway reads numbers strictly, so it is sent as `79`."""

import schemathesis


def plain(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return plain(body)
