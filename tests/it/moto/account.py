"""An account of AWS on loopback, until standard input ends: moto, with machines behind its addresses, and what an administrator has
made in it. Prints where it is and what was made, as one line of JSON.

    account.py REGION PORT [--as-it-is] [--without-setup]

PORT is the service's. With --as-it-is nothing is added to moto; with --without-setup nobody has deployed what `veris setup` prints."""

import json
import os
import sys
import threading

# Options of moto's that make it stricter.
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
os.environ["MOTO_ENABLE_KEYPAIR_VALIDATION"] = "true"
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"

import boto3
import moto.ec2.models.elastic_ip_addresses
import moto.ec2.models.elastic_network_interfaces
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

import gaps
import machines

region, service_port = sys.argv[1], int(sys.argv[2])
is_as_it_is = "--as-it-is" in sys.argv
# moto's state is not guarded against two calls at the same moment, and AWS's is.
turn = threading.Lock()
emulator = DomainDispatcherApplication(create_backend_app)


def answer(environ, start_response):
    if gaps.is_for_image_builder(environ) and not is_as_it_is:
        return gaps.image_builder(environ, start_response)
    with turn:
        return list(emulator(environ, start_response))


if not is_as_it_is:
    there = machines.Machines(ec2_backends[DEFAULT_ACCOUNT_ID][region], service_port, turn)
    moto.ec2.models.elastic_ip_addresses.random_ip = there.new_address
    moto.ec2.models.elastic_network_interfaces.random_public_ip = there.new_address
    gaps.fill()
server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def client(service):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


ec2, iam, s3 = client("ec2"), client("iam"), client("s3")
if "--without-setup" not in sys.argv:
    iam.create_instance_profile(InstanceProfileName="workload")
    s3.create_bucket(Bucket="images-prod", CreateBucketConfiguration={"LocationConstraint": region})
ec2.create_key_pair(KeyName="race_lits_server")
group = ec2.create_security_group(GroupName="service", Description="lets clients in")["GroupId"]
reach = {"IpProtocol": "tcp", "FromPort": service_port, "ToPort": service_port, "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[reach])
address = ec2.allocate_address(Domain="vpc")["PublicIp"]
made = {"endpoint": f"127.0.0.1:{server.server_port}", "securityGroup": group, "address": address}
print(json.dumps(made), flush=True)
sys.stdin.read()
server.shutdown()
