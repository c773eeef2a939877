"""Holds every answer against botocore's own model of the service, where botocore itself forgives whatever it does not know."""

import base64
import binascii
import json
import re
import xml.etree.ElementTree as ElementTree

# Errors that belong to no operation: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
COMMON = {"AccessDeniedException", "ValidationException", "UnrecognizedClientException", "ThrottlingException"}
# What AWS answers although its model does not say so: the guide's text on `name` of CreateComponent, and
# https://github.com/hashicorp/terraform-provider-aws for what is not found.
UNDECLARED = {("imagebuilder.CreateComponent", "ResourceAlreadyExistsException"), ("imagebuilder.GetImage", "ResourceNotFoundException")}
# The Parameter Store says no more than this code.
WITHOUT_MESSAGE = {"ParameterNotFound"}
# The model's pattern for a parameter's type, which its own documentation contradicts: "the supported value is string".
CONTRADICTED = "^String|Integer|Boolean|StringList$"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Strict:
    """Collects what does not fit. Register `look` for the event `before-parse`."""

    def __init__(self):
        self.problems = []
        self.answers = {}

    def look(self, operation_model, response_dict, **_):
        service, protocol = operation_model.service_model, operation_model.service_model.resolved_protocol
        place = f"{service.service_name}.{operation_model.name}"
        status, body = response_dict["status_code"], response_dict["body"]
        self.answers.setdefault(place, []).append(status)
        if status >= 300:
            self.error(place, operation_model, protocol, response_dict)
        elif protocol == "rest-json" and operation_model.has_streaming_output:
            self.streamed(place, operation_model.output_shape, response_dict)
        elif protocol in ("json", "rest-json"):
            self.json(place, operation_model, json.loads(body) if body else {})
        elif protocol == "rest-xml":
            self.rest_xml(place, operation_model.output_shape, response_dict)
        else:
            root = ElementTree.fromstring(body)
            self.root(place, operation_model, protocol, root)

    def wrong(self, place, problem):
        self.problems.append(f"{place}: {problem}")

    # JSON

    def json(self, place, operation, value):
        self.json_value(place, operation.output_shape, value) if operation.output_shape else None

    def json_value(self, place, shape, value):
        if value is None:
            return self.wrong(place, "null, where AWS leaves a member out")
        kinds = {
            "structure": dict, "map": dict, "list": list, "string": str, "boolean": bool,
            "integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float), "blob": str,
        }
        if not isinstance(value, kinds[shape.type_name]) or (isinstance(value, bool) != (shape.type_name == "boolean")):
            return self.wrong(place, f"{value!r} is no {shape.type_name}")
        if shape.type_name == "structure":
            names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            for name in value.keys() - names.keys():
                self.wrong(place, f"the model has no member {name}")
            for name in set(shape.required_members) - value.keys():
                self.wrong(place, f"the required member {name} is missing")
            for name in value.keys() & names.keys():
                self.json_value(f"{place}.{name}", names[name], value[name])
        elif shape.type_name == "map":
            for name, member in value.items():
                self.text(f"{place}.{name}", shape.key, name)
                self.json_value(f"{place}.{name}", shape.value, member)
        elif shape.type_name == "list":
            for index, member in enumerate(value):
                self.json_value(f"{place}[{index}]", shape.member, member)
        elif shape.type_name == "string":
            self.text(place, shape, value)

    def streamed(self, place, shape, response):
        """The body is a file; all else is in headers."""
        for name, member in shape.members.items():
            if member.serialization.get("location") == "header":
                value = response["headers"].get(member.serialization["name"])
                self.wrong(place, f"the header of {name} is missing") if value is None else self.xml_scalar(f"{place}.{name}", member, value)

    # XML

    def root(self, place, operation, protocol, root):
        self.expect(place, name_of(root), f"{operation.name}Response")
        children = list(root)
        if protocol == "query":
            wrapper = operation.output_shape.serialization.get("resultWrapper") if operation.output_shape else None
            names = [name_of(child) for child in children]
            expected = ([wrapper] if wrapper else []) + ["ResponseMetadata"]
            self.expect(place, names, expected)
            if wrapper and children:
                self.xml(place, operation.output_shape, children[0])
            return
        if operation.output_shape is None:
            # EC2 answers `<return>true</return>` where the model has no members.
            extra = [name_of(child) for child in children if name_of(child) not in ("return", "requestId")]
            return self.expect(place, extra, [])
        self.members(place, operation.output_shape, children, {"requestId", "return"})

    def rest_xml(self, place, shape, response):
        if shape is None:
            return self.expect(place, response["body"], b"")
        payload = shape.serialization.get("payload")
        for name, member in shape.members.items():
            header = member.serialization.get("name")
            if member.serialization.get("location") == "header" and header in response["headers"]:
                value = response["headers"][header]
                if member.type_name != "timestamp":
                    self.xml_scalar(f"{place}.{name}", member, value)
        if payload or not response["body"]:
            return
        root = ElementTree.fromstring(response["body"])
        bodied = {name: m for name, m in shape.members.items() if "location" not in m.serialization}
        self.members(place, shape, list(root), set(), bodied)

    def xml(self, place, shape, element):
        if shape.type_name == "structure":
            self.members(place, shape, list(element), set())
        elif shape.type_name == "list":
            item = shape.member.serialization.get("name", "member")
            for index, child in enumerate(element):
                self.expect(place, name_of(child), item)
                self.xml(f"{place}[{index}]", shape.member, child)
        elif shape.type_name == "map":
            self.wrong(place, "maps are not looked at")
        elif len(element):
            self.wrong(place, f"elements in a {shape.type_name}")
        else:
            self.xml_scalar(place, shape, element.text or "")

    def members(self, place, shape, children, ignored, members=None):
        named = {}
        for name, member in (members or shape.members).items():
            flat = member.type_name == "list" and member.serialization.get("flattened")
            wire = member.serialization.get("name") or (member.member.serialization.get("name") if flat else None) or name
            named[wire] = member
        seen = set()
        for child in children:
            name = name_of(child)
            if name in ignored:
                continue
            member = named.get(name)
            if member is None:
                self.wrong(place, f"the model has no element {name}")
                continue
            flat = member.type_name == "list" and member.serialization.get("flattened")
            if name in seen and not flat:
                self.wrong(place, f"{name} comes twice")
            seen.add(name)
            self.xml(f"{place}.{name}", member.member if flat else member, child)

    def xml_scalar(self, place, shape, text):
        good = {
            "boolean": lambda: text in ("true", "false"),
            "integer": lambda: re.fullmatch(r"-?\d+", text),
            "long": lambda: re.fullmatch(r"-?\d+", text),
            "timestamp": lambda: TIMESTAMP.fullmatch(text),
            "blob": lambda: is_base64(text),
        }.get(shape.type_name, lambda: True)
        if not good():
            self.wrong(place, f"{text!r} is no {shape.type_name}")
        if shape.type_name == "string":
            self.text(place, shape, text)

    # Both

    def text(self, place, shape, value):
        if getattr(shape, "enum", None) and value not in shape.enum:
            self.wrong(place, f"{value!r} is none of {shape.enum}")
        longest, shortest = shape.metadata.get("max"), shape.metadata.get("min")
        if longest is not None and len(value) > longest:
            self.wrong(place, f"{len(value)} characters, at most {longest}")
        if shortest is not None and len(value) < shortest:
            self.wrong(place, f"{len(value)} characters, at least {shortest}")
        pattern = shape.metadata.get("pattern")
        if pattern and pattern != CONTRADICTED and not re.search(pattern, value):
            self.wrong(place, f"{value!r} does not match {pattern}")

    def error(self, place, operation, protocol, response):
        body = response["body"]
        if protocol in ("json", "rest-json"):
            value = json.loads(body)
            code = response["headers"].get("x-amzn-errortype") or value.get("__type", "")
            code = code.split(":")[0].rsplit("#")[-1]
            names = {shape.error_code: shape for shape in operation.error_shapes} | {
                shape.name: shape for shape in operation.error_shapes
            }
            if code not in names.keys() | COMMON and (place, code) not in UNDECLARED:
                self.wrong(place, f"the error {code} is none of the operation's: {sorted(names)}")
            elif code in names:
                status = names[code].metadata.get("error", {}).get("httpStatusCode")
                self.expect(f"{place}.{code}", response["status_code"], status or response["status_code"])
            reason = names[code].members.get("Reason") if code in names else None
            if reason is not None:
                self.text(f"{place}.{code}.Reason", reason, value.get("Reason", ""))
            message = value.get("message") or value.get("Message")
            if code not in WITHOUT_MESSAGE and (not isinstance(message, str) or not message):
                self.wrong(place, f"the error {code} has no message")
            return
        if not body:
            # HEAD has no body, so the status says it all.
            return self.expect(place, operation.http["method"], "HEAD")
        root = ElementTree.fromstring(body)
        paths = {"ec2": "Errors/Error", "query": "Error", "rest-xml": "."}
        found = {name_of(child): child.text for child in strip(root).find(paths[protocol])}
        for name in ("Code", "Message"):
            if not found.get(name):
                self.wrong(place, f"the error has no {name}")
        declared = {shape.error_code for shape in operation.error_shapes} | {s.name for s in operation.error_shapes}
        if declared and protocol == "rest-xml" and response["status_code"] == 404 and found.get("Code") not in declared:
            # S3 models few of its errors, and those by name.
            self.expect(place, found.get("Code") in {"NoSuchKey", "NoSuchBucket"}, True)

    def expect(self, place, found, expected):
        if found != expected:
            self.wrong(place, f"{found!r} instead of {expected!r}")


def name_of(element):
    return element.tag.rsplit("}")[-1]


def strip(root):
    for element in root.iter():
        element.tag = name_of(element)
    return root


def is_base64(text):
    try:
        base64.b64decode("".join(text.split()), validate=True)
        return True
    except binascii.Error:
        return False
