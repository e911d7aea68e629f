"""Prints a template as CloudFormation makes it of the SAM one, for the parameters NAME=VALUE, as JSON.

    transform.py TEMPLATE [NAME=VALUE ...]

It is the translator that AWS runs; nothing is asked over the network. Code that `sam deploy` would upload has a stand-in.
"""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class Policies:
    """The managed policies that the translator names, by their ARNs."""

    def load(self):
        roles = "arn:aws:iam::aws:policy/service-role/"
        return {name: roles + name for name in ("AWSLambdaBasicExecutionRole", "AWSCodeDeployRoleForLambda")}


def main(template, *given):
    with open(template, encoding="utf-8") as file:
        document = yaml_parse(file.read())
    for name, resource in document["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": name}
    values = {name: parameter.get("Default", "") for name, parameter in document["Parameters"].items()}
    values |= dict(pair.split("=", 1) for pair in given)
    print(json.dumps(transform(document, values, Policies())))


if __name__ == "__main__":
    main(*sys.argv[1:])
