// bench_sendto BYTES: the barest way to send. Reads port numbers from standard input, then sends
// datagrams of that size to each in turn, one sendto() apiece, until it is killed.
#include <iostream>

#include "support.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_sendto BYTES <PORTS\n");
    return 64;
  }
  std::vector<sockaddr_in> addresses;
  for (int port = 0; std::cin >> port;) addresses.push_back(bench::loopback(port));
  if (addresses.empty()) {
    std::fprintf(stderr, "no ports on standard input\n");
    return 64;
  }
  const std::string datagram(static_cast<std::size_t>(bench::number(argv[1])), 'x');
  const int fd = bench::check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  for (;;) {
    for (const sockaddr_in& address : addresses) {
      if (sendto(fd, datagram.data(), datagram.size(), 0,
                 reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 &&
          errno != ECONNREFUSED) {
        bench::die("sendto");
      }
    }
  }
}
