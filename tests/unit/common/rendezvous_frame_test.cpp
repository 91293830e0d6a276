// Frames of the rendezvous dialect: headers as others write them, data, and streams cut anywhere.
#include "common/rendezvous_frame.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace {

using common::RendezvousError;
using common::RendezvousKeyword;
using common::RendezvousSplitter;
using Texts = std::vector<std::string>;

TEST_CASE("frames are written as the old programs write them") {
  CHECK(common::encode_rendezvous_register("ali", 7820) == "21   &&REGISTER&&|ali|7820");
  CHECK(common::encode_rendezvous_frame(common::format_rendezvous_data(
            RendezvousKeyword::kHello, {"ali"})) == " 13  &&HELLO&&|ali");
  CHECK(common::encode_rendezvous_frame(common::format_rendezvous_data(
            RendezvousKeyword::kOk, {"bob", "ali", "6120"})) == " 19  &&OK&&|bob|ali|6120");
  CHECK(common::encode_rendezvous_pair("ali", "&&NOTFOUND&&|user not found") ==
        " 3   ali 27  &&NOTFOUND&&|user not found");
  CHECK(common::encode_rendezvous_frame(
            common::format_rendezvous_data(RendezvousKeyword::kLogout)) == " 10  &&LOGOUT&&");
}

TEST_CASE("lengths are bytes, of up to four digits") {
  CHECK(common::encode_rendezvous_frame("Göktuğ") == " 8   Göktuğ");
  CHECK(common::encode_rendezvous_frame(std::string(999, 'x')).substr(0, 6) == " 999 x");
  CHECK(common::encode_rendezvous_frame(std::string(9999, 'x')).substr(0, 6) == " 9999x");
  CHECK(common::encode_rendezvous_frame("") == " 0   ");
}

TEST_CASE("a header is a number with blanks or zeros around, and nothing else") {
  struct Row {
    const char* name;
    std::string header;
    std::optional<std::size_t> size;
    RendezvousError error = RendezvousError::kBadHeader;
  };
  const Row rows[] = {
      {"left, after a blank", " 24  ", 24},
      {"left", "24   ", 24},
      {"right", "   24", 24},
      {"zeros", "00024", 24},
      {"nothing in it", " 0   ", 0},
      {"the longest", " 9999", 9999},
      {"a byte more", "10000", std::nullopt, RendezvousError::kTooLong},
      {"the largest number", "99999", std::nullopt, RendezvousError::kTooLong},
      {"blanks alone", "     ", std::nullopt},
      {"a blank inside", "2 4  ", std::nullopt},
      {"negative", "-24  ", std::nullopt},
      {"a plus", "+24  ", std::nullopt},
      {"hexadecimal", "0x18 ", std::nullopt},
      {"a letter", "24a  ", std::nullopt},
      {"TAB", "24\t  ", std::nullopt},
      {"line end", "24\n  ", std::nullopt},
      {"NUL", std::string("24\0\0\0", 5), std::nullopt},
      {"a high byte",
       "\xb2"
       "4   ",
       std::nullopt},
      {"too short", "24  ", std::nullopt},
      {"too long", "24    ", std::nullopt},
      {"empty", "", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto size = common::parse_rendezvous_header(row.header);
    CHECK(size.has_value() == row.size.has_value());
    if (size && row.size) CHECK(*size == *row.size);
    if (!size && !row.size) CHECK(size.error() == row.error);
  }
}

TEST_CASE("data is a keyword and fields, or a plain text") {
  struct Row {
    std::string_view name;
    std::string_view data;
    RendezvousKeyword keyword;
    std::string_view text;
    std::vector<std::string_view> fields;
  };
  const Row rows[] = {
      {"no fields", "&&LOGOUT&&", RendezvousKeyword::kLogout, "", {}},
      {"one field", "&&EXIT&&|ali", RendezvousKeyword::kExit, "ali", {"ali"}},
      {"three", "&&OK&&|a|b|6120", RendezvousKeyword::kOk, "a|b|6120", {"a", "b", "6120"}},
      {"a bar at the end",
       "&&GROUPCHAT&&|a|b|c|",
       RendezvousKeyword::kGroupChat,
       "a|b|c|",
       {"a", "b", "c"}},
      {"no bar at the end",
       "&&GROUPCHAT&&|a|b|c",
       RendezvousKeyword::kGroupChat,
       "a|b|c",
       {"a", "b", "c"}},
      {"two bars at the end", "&&GROUPCHAT&&|a||", RendezvousKeyword::kGroupChat, "a||", {"a", ""}},
      {"blanks around fields",
       "&&SEARCH&&| b | a ",
       RendezvousKeyword::kSearch,
       " b | a ",
       {"b", "a"}},
      {"bars in a text",
       "&&MESSAGE&&|ali: a|b||c",
       RendezvousKeyword::kMessage,
       "ali: a|b||c",
       {"ali: a", "b", "", "c"}},
      {"a keyword in a text",
       "&&MESSAGE&&|ali: &&OK&&|x",
       RendezvousKeyword::kMessage,
       "ali: &&OK&&|x",
       {"ali: &&OK&&", "x"}},
      {"the bar is missing", "&&EXITGROUP&&ali", RendezvousKeyword::kExitGroup, "ali", {"ali"}},
      {"an empty field", "&&EXIT&&|", RendezvousKeyword::kExit, "", {}},
      {"a keyword of others", "&&DANCE&&|x", RendezvousKeyword::kUnknown, "x", {"x"}},
      {"plain",
       "ali would like to chat with you? (OK/REJECT)",
       RendezvousKeyword::kNone,
       "ali would like to chat with you? (OK/REJECT)",
       {}},
      {"a keyword not in front", "x &&OK&&|a", RendezvousKeyword::kNone, "x &&OK&&|a", {}},
      {"half a keyword", "&&OK&", RendezvousKeyword::kNone, "&&OK&", {}},
      {"small letters", "&&ok&&|a", RendezvousKeyword::kNone, "&&ok&&|a", {}},
      {"nothing between", "&&&&|a", RendezvousKeyword::kNone, "&&&&|a", {}},
      {"empty", "", RendezvousKeyword::kNone, "", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = common::parse_rendezvous_data(row.data);
    CHECK(parsed.keyword == row.keyword);
    CHECK(parsed.text == row.text);
    CHECK(parsed.fields == row.fields);
    CHECK(parsed.field(row.fields.size()).empty());
  }
}

TEST_CASE("every keyword reads as it is written") {
  for (int i = static_cast<int>(RendezvousKeyword::kRegister);
       i <= static_cast<int>(RendezvousKeyword::kLogoutSuccess); ++i) {
    const auto keyword = static_cast<RendezvousKeyword>(i);
    CAPTURE(common::to_string(keyword));
    CHECK(!common::to_string(keyword).empty());
    const std::string data = common::format_rendezvous_data(keyword, {"x", "y z"});
    const auto parsed = common::parse_rendezvous_data(data);
    CHECK(parsed.keyword == keyword);
    CHECK(parsed.fields == std::vector<std::string_view>{"x", "y z"});
  }
}

/// What comes of the pieces: each frame's data, then how it ended.
Texts frames_of(const Texts& pieces) {
  RendezvousSplitter splitter;
  Texts frames;
  for (const std::string& piece : pieces) {
    splitter.push(piece);
    while (auto data = splitter.next()) frames.push_back(*std::move(data));
  }
  frames.push_back(splitter.error()     ? std::string(to_string(*splitter.error()))
                   : splitter.is_idle() ? "idle"
                                        : "waiting");
  return frames;
}

TEST_CASE("a stream gives the same frames whole, byte by byte, and split at every point") {
  struct Row {
    const char* name;
    std::string stream;
    Texts frames;
  };
  const std::string longest(9999, 'x');
  const Row rows[] = {
      {"nothing", "", {"idle"}},
      {"one", " 13  &&HELLO&&|ali", {"&&HELLO&&|ali", "idle"}},
      {"a pair",
       " 3   ali 27  &&NOTFOUND&&|user not found",
       {"ali", "&&NOTFOUND&&|user not found", "idle"}},
      {"an empty one between", " 3   ali 0    3   bob", {"ali", "", "bob", "idle"}},
      {"every form of header",
       "3    ali00003bob    3can 3   dan",
       {"ali", "bob", "can", "dan", "idle"}},
      {"half a header", " 3  ", {"waiting"}},
      {"a header alone", " 3   ", {"waiting"}},
      {"data cut short", " 3   al", {"waiting"}},
      {"digits that belong to the data", " 2   12 1   3", {"12", "3", "idle"}},
      {"bytes that are not UTF-8", " 3   \xff\xfe\x80", {"\xff\xfe\x80", "idle"}},
      {"garbage", "GET / HTTP/1.1\r\n", {"bad_header"}},
      {"garbage after a frame", " 3   ali&&OK&&", {"ali", "bad_header"}},
      {"too long", " 3   ali10000x", {"ali", "overlong_frame"}},
      {"the longest", " 9999" + longest, {longest, "idle"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(frames_of({row.stream}) == row.frames);
    Texts bytes;
    for (const char c : row.stream) bytes.emplace_back(1, c);
    CHECK(frames_of(bytes) == row.frames);
    const std::size_t step = row.stream.size() > 100 ? 97 : 1;
    for (std::size_t split = 0; split <= row.stream.size(); split += step) {
      CAPTURE(split);
      CHECK(frames_of({row.stream.substr(0, split), row.stream.substr(split)}) == row.frames);
    }
  }
}

TEST_CASE("after a header that is none, nothing is kept") {
  RendezvousSplitter splitter;
  splitter.push("garbage!");
  CHECK(!splitter.next());
  REQUIRE(splitter.error() == RendezvousError::kBadHeader);
  for (int i = 0; i < 100; ++i) splitter.push(std::string(1000, 'x'));
  CHECK(!splitter.next());
  CHECK(splitter.is_idle());
}

TEST_CASE("a datagram is one whole frame, within what old registries read") {
  const auto decode = [](std::string_view datagram) {
    return common::decode_rendezvous_datagram(datagram);
  };
  CHECK(decode(" 13  &&HELLO&&|ali") == "&&HELLO&&|ali");
  CHECK(decode(" 13  &&HELLO&&|ali, and more") == "&&HELLO&&|ali");
  CHECK(!decode(" 14  &&HELLO&&|ali"));
  CHECK(!decode("&&HELLO&&|ali"));
  CHECK(!decode(" 13"));
  CHECK(!decode(""));
  CHECK(decode(" 251 " + std::string(251, 'x')));
  CHECK(!decode(" 252 " + std::string(252, 'x')));
  CHECK(!decode(" 13  &&HELLO&&|ali" + std::string(256, 'x')));
}

TEST_CASE("a text in which old programs would find a keyword is pulled apart") {
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"", ""},
      {"hello", "hello"},
      {"a && b", "a && b"},
      {"a&&b", "a&&b"},
      {"&&OK&&|x", "& &OK&&|x"},
      {"&&LOGOUTSUCCESS&&", "& &LOGOUTSUCCESS&&"},
      {"&&CLIENTEXIT", "& &CLIENTEXIT"},
      {"&&&OK&&", "&& &OK&&"},
      {"&&OK&&BUSY&&", "& &OK& &BUSY&&"},
      {"ends in &&", "ends in &&"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string harmless = common::harmless_rendezvous_text(row.text);
    CHECK(harmless == row.expected);
    CHECK(common::harmless_rendezvous_text(harmless) == harmless);
  }
}

}  // namespace
