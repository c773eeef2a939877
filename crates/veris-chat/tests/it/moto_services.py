"""Services of AWS on loopback, until standard input ends: an empty table, a parameter and a secret. Prints the port."""

import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()


def client(service):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="ap-southeast-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


client("dynamodb").create_table(
    TableName="veris-sessions",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[
        {"AttributeName": "session", "AttributeType": "S"},
        {"AttributeName": "item", "AttributeType": "N"},
    ],
    KeySchema=[{"AttributeName": "session", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
)
hash_of_open_sesame = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb"
client("ssm").put_parameter(
    Name="/veris/prod/api-keys", Value=f"ada:{hash_of_open_sesame}", Type="SecureString"
)
client("secretsmanager").create_secret(Name="veris/prod", SecretString='{"MODEL": "us.model.of-the-secret"}')
print(port, flush=True)
sys.stdin.read()
server.stop()
