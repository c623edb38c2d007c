"""Scheduled exports of the audit, to a folder, S3-compatible storage or SFTP."""
