"""DynamoDB on loopback with one empty table, until standard input ends. Prints its port."""

import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
client = boto3.client(
    "dynamodb",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="ap-southeast-2",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
client.create_table(
    TableName="veris-sessions",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "session", "AttributeType": "S"},
        {"AttributeName": "item", "AttributeType": "N"},
    ],
    KeySchema=[{"AttributeName": "session", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
)
print(port, flush=True)
sys.stdin.read()
server.stop()
