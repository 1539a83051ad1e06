# What `make images` builds on, unless BASE_IMAGE names another: the multi-platform index (amd64, arm64) of the tag.
# Alone and in a FROM, because only there Dependabot finds it, which moves it to where Debian's weaknesses are mended.
FROM python:3.12.14-slim-bookworm@sha256:392307d22300de8b5986851a12d9176dfc0fc073e65bf6523ebd7dcbeb23564e
