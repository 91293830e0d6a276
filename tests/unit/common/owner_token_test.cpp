#include "common/owner_token.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/support/test_random.hpp"

namespace {

std::string hex(const std::array<std::byte, 32>& bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[std::to_integer<unsigned>(byte) >> 4];
    out += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return out;
}

class Fixed final : public common::Random {
 public:
  explicit Fixed(std::byte value) : value_(value) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = value_;
  }

 private:
  std::byte value_;
};

TEST_CASE("a token is 32 bytes of chance in unpadded base64url") {
  Fixed zeros(std::byte{0});
  CHECK(common::make_owner_token(zeros) == std::string(43, 'A'));
  // 256 bits set: 42 characters of six bits and one of four with two zero bits behind.
  Fixed ones(std::byte{0xff});
  CHECK(common::make_owner_token(ones) == std::string(42, '_') + '8');
}

TEST_CASE("every token is one by its own rule, and no two are the same") {
  test::TestRandom random(3);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string token = common::make_owner_token(random);
    CHECK(common::is_owner_token(token));
    CHECK(seen.insert(token).second);
  }
}

TEST_CASE("what is not 43 characters of base64url is no token") {
  const std::string good(43, 'a');
  CHECK(common::is_owner_token(good));
  struct Row {
    std::string_view name;
    std::string text;
  };
  const Row rows[] = {
      {"nothing", ""},
      {"one short", std::string(42, 'a')},
      {"one long", std::string(44, 'a')},
      {"padding", std::string(42, 'a') + '='},
      {"the other base64 alphabet, plus", std::string(42, 'a') + '+'},
      {"the other base64 alphabet, slash", std::string(42, 'a') + '/'},
      {"a blank", std::string(42, 'a') + ' '},
      {"a NUL", std::string(42, 'a') + '\0'},
      {"a line end", std::string(42, 'a') + '\n'},
      {"not ASCII", std::string(41, 'a') + "ü"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(common::is_owner_token(row.text));
  }
}

TEST_CASE("a token's hash is BLAKE2b-256 of its text") {
  // From `b2sum -l 256`.
  CHECK(hex(common::hash_owner_token("")) ==
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(hex(common::hash_owner_token(std::string(43, 'A'))) ==
        "6342b384e5d6294c5df1110132b93b97b395a2ff4cca498af637b3e06b3095dd");
  CHECK(common::hash_owner_token("a") != common::hash_owner_token("b"));
}

}  // namespace
