"""What moto has nothing of and the tool cannot do without: an Image Builder in which there is nothing, and who uses an image."""

import json

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response


def is_for_image_builder(environ):
    return "/imagebuilder/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")


def image_builder(environ, start_response):
    """Lists are empty, what is looked for is not there, and nothing can be made."""
    operation = environ["PATH_INFO"].strip("/")
    if operation.startswith("List"):
        status, headers, body = "200 OK", [], {"requestId": "none"}
    elif operation.startswith(("Get", "Delete", "Cancel")):
        status, body = "404 Not Found", {"message": "There is nothing here."}
        headers = [("x-amzn-ErrorType", "ResourceNotFoundException")]
    else:
        status, body = "400 Bad Request", {"message": f"moto has no Image Builder, so {operation} makes nothing."}
        headers = [("x-amzn-ErrorType", "InvalidRequestException")]
    body = json.dumps(body).encode()
    start_response(status, [("content-type", "application/json"), ("content-length", str(len(body))), *headers])
    return [body]


def describe_image_references(self):
    """Instances alone: moto's parameters know nothing of images."""
    wanted = self._get_param("ImageIds", [])
    account, region = self.current_account, self.region
    references = [
        {
            "ImageId": instance.image_id,
            "ResourceType": "ec2:Instance",
            "Arn": f"arn:aws:ec2:{region}:{account}:instance/{instance.id}",
        }
        for instance in self.ec2_backend.all_instances()
        if instance.image_id in wanted and instance.state != "terminated"
    ]
    return ActionResult({"ImageReferences": references})


def fill():
    EC2Response.describe_image_references = describe_image_references
