#include "common/base64.hpp"

#include <doctest/doctest.h>

namespace {

using common::as_bytes;
using common::as_text;
using common::decode_base64;
using common::encode_base64;

TEST_CASE("texts and bytes go into each other: RFC 4648, section 10") {
  struct Row {
    std::string_view bytes;
    std::string_view text;
  };
  const Row rows[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xfb\xff\xfe", "+//+"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(encode_base64(as_bytes(row.bytes)) == row.text);
    const auto bytes = decode_base64(row.text);
    REQUIRE(bytes);
    CHECK(as_text(*bytes) == row.bytes);
  }
}

TEST_CASE("a text that encoding would not write is refused") {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "=", "====", "Zm8 =", "Zm9v\n", " Zm9v",
        "Zm-v", "Zm_v", "Zg==Zg==", "Z\xc3\xa9==", "Zm9v\r\n"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text));
  }
  CHECK_FALSE(decode_base64(std::string_view("Zm9v\0", 5)));
}

}  // namespace
