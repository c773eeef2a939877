"""Deploys a template as an administrator would: deploy.py REGION ENDPOINT STACK < TEMPLATE"""

import sys

import boto3

region, endpoint, stack = sys.argv[1:]
formation = boto3.client(
    "cloudformation",
    endpoint_url=f"http://{endpoint}",
    region_name=region,
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
formation.create_stack(StackName=stack, TemplateBody=sys.stdin.read(), Capabilities=["CAPABILITY_NAMED_IAM"])
status = formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
sys.exit(0 if status == "CREATE_COMPLETE" else status)
