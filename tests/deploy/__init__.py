"""What a deployment is made of: the image, the compose file, the documents, real starts."""
