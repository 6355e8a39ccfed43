# A small image with the program alone. It was not run where the program is developed, where there
# is no Docker; what it does is what scripts/install-test does in a bare Debian.
#
#   scripts/release                     # makes .build/release-files, outside of Docker
#   docker build -t runner .
#   docker run --rm -v "$PWD:/data" --user "$(id -u):$(id -g)" --stop-timeout 60 runner run
#
# The queue and its output are in /data, which must be a volume of a real disk: a queue needs locks
# and an fsync that holds. --stop-timeout is longer than --grace (30 s), so that `docker stop` ends
# a run in order; a kill loses nothing, but the requests in flight are made again.
FROM debian:13-slim

COPY .build/release-files/runner_*.deb /tmp/
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates /tmp/runner_*.deb \
    && rm -rf /var/lib/apt/lists/* /tmp/runner_*.deb

# Nobody's: whoever runs it names a user with --user.
USER 65534:65534
WORKDIR /data
VOLUME /data
# The program gets the signals itself.
ENTRYPOINT ["runner"]
CMD ["--help"]
