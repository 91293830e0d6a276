// bench_handshake_arithmetic COUNT: what COUNT Noise IK handshakes cost in public-key arithmetic
// alone, with nothing sent: the initiator's in one process and the responder's in another, at the
// same time. Each side makes an ephemeral key, does four X25519 (es, ss, ee, se) and verifies the
// other's certificate, an Ed25519 signature. Hashes, ciphers and sockets are left out: below this
// no implementation of the protocol can get on two cores. Prints JSON: {"per_second": …}.
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/bench/tools/support.hpp"

namespace {

/// As long as a certificate with a short name.
constexpr std::size_t kSignedBytes = 93;

/// What both sides need before it begins, and none of which is counted.
struct Signed {
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> key;
  std::array<unsigned char, crypto_sign_BYTES> signature;
  std::array<unsigned char, kSignedBytes> text{};
};

Signed make_signed() {
  Signed made;
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_keypair(made.key.data(), secret.data());
  crypto_sign_detached(made.signature.data(), nullptr, made.text.data(), made.text.size(),
                       secret.data());
  return made;
}

void one_side(int count) {
  using Scalar = std::array<unsigned char, crypto_scalarmult_SCALARBYTES>;
  const Signed certificate = make_signed();
  Scalar other;
  Scalar secret;
  randombytes_buf(secret.data(), secret.size());
  crypto_scalarmult_base(other.data(), secret.data());
  for (int i = 0; i < count; ++i) {
    Scalar ephemeral;
    randombytes_buf(secret.data(), secret.size());
    crypto_scalarmult_base(ephemeral.data(), secret.data());
    for (int product = 0; product < 4; ++product) {
      Scalar shared;
      if (crypto_scalarmult(shared.data(), secret.data(), other.data()) != 0) std::abort();
    }
    if (crypto_sign_verify_detached(certificate.signature.data(), certificate.text.data(),
                                    certificate.text.size(), certificate.key.data()) != 0)
      std::abort();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_handshake_arithmetic COUNT\n");
    return 64;
  }
  const int count = bench::number(argv[1]);
  if (sodium_init() < 0) bench::die("sodium_init");
  const auto begun = bench::Clock::now();
  const pid_t responder = bench::check(fork(), "fork");
  if (responder == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    one_side(count);
    _exit(0);
  }
  one_side(count);
  int status = 0;
  waitpid(responder, &status, 0);
  if (status != 0) return 1;
  std::printf("{\"per_second\": %.0f}\n", count / bench::seconds_since(begun));
}
