"""Functions from what the tools that build them have declared: SAM, CDK, Terraform, Serverless and others."""
