"""CloudFormation templates: the form that SAM, CDK, Serverless and Chalice write their builds in."""
