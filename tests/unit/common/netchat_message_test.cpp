// NetChat messages, delete signals and replies.
#include "common/netchat_message.hpp"

#include <doctest/doctest.h>

#include "common/limits.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::kNetchatBytesMax;
using common::NetchatEnd;
using common::NetchatReply;

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef";
const std::string kTail = " id=" + std::string(kId);

std::string encoded_netchat(std::string_view sender, std::string_view text,
                            std::string_view id = {}) {
  const auto bytes = common::encode_netchat(test::name(sender), text, id);
  return bytes ? *bytes : "! " + common::to_string(bytes.error());
}

/// "message alice|text|id", "delete alice|id" or "nothing"; "-" where there is no sender or id.
std::string decoded_netchat(std::string_view bytes) {
  const auto signal = common::decode_netchat(bytes);
  if (!signal) return "nothing";
  const auto shown = [](const std::string& text) { return text.empty() ? "-" : text; };
  if (const auto* message = std::get_if<common::NetchatMessage>(&*signal)) {
    return "message " + message->sender.value_or("-") + '|' + message->text + '|' +
           shown(message->id);
  }
  const auto& signal_to_delete = std::get<common::NetchatDelete>(*signal);
  return "delete " + shown(signal_to_delete.sender) + '|' + shown(signal_to_delete.id);
}

/// What the old program takes of a message: the sender up to the first colon, the text between the
/// first two double quotes, of at most 1,024 bytes.
std::string as_old_program(std::string_view bytes) {
  bytes = bytes.substr(0, kNetchatBytesMax);
  const std::string_view delete_word = "DELETE_MESSAGE:";
  if (bytes.starts_with(delete_word)) {
    bytes.remove_prefix(delete_word.size());
    return "delete " + std::string(bytes.substr(0, bytes.find(':')));
  }
  const auto open = bytes.find('"');
  const auto close = open == bytes.npos ? open : bytes.find('"', open + 1);
  const std::string sender(bytes.substr(0, bytes.find(':')));
  if (open == bytes.npos) return "its listener ends";
  return sender + '|' + std::string(bytes.substr(open + 1, close - open - 1));
}

TEST_CASE("a message is the sender, a colon, a blank and the quoted text, and nothing more") {
  CHECK(encoded_netchat("alice", "see you at 10") == "alice: \"see you at 10\"");
  CHECK(encoded_netchat("Göktuğ", "selam") == "Göktuğ: \"selam\"");
  CHECK(encoded_netchat("a", "") == "a: \"\"");
  CHECK(encoded_netchat("a", "x: y") == "a: \"x: y\"");
}

TEST_CASE("an id stands behind the text, where old programs do not look") {
  CHECK(encoded_netchat("alice", "hi", kId) == "alice: \"hi\"" + kTail);
  CHECK(as_old_program(encoded_netchat("alice", "hi", kId)) == "alice|hi");
  CHECK(decoded_netchat(encoded_netchat("alice", "hi", kId)) ==
        "message alice|hi|" + std::string(kId));
}

TEST_CASE("quotes inside a text reach old programs and ours") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view for_old;
    std::string_view for_ours;
  };
  const Row rows[] = {
      {"none", "plain", "plain", "plain"},
      {"a pair", "he said \"hi\" and left", "he said ”hi” and left", "he said \"hi\" and left"},
      {"one", "5\" disk", "5” disk", "5\" disk"},
      {"at the ends", "\"x\"", "”x”", "\"x\""},
      {"only quotes", "\"\"\"", "”””", "\"\"\""},
      {"the other kind alone stays", "a ” b", "a ” b", "a ” b"},
      {"both kinds cannot be told apart any more", "a ” b \" c", "a ” b ” c", "a ” b ” c"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const std::string_view id : {std::string_view(), kId}) {
      const std::string bytes = encoded_netchat("alice", row.text, id);
      CHECK(as_old_program(bytes) == "alice|" + std::string(row.for_old));
      CHECK(decoded_netchat(bytes) == "message alice|" + std::string(row.for_ours) + '|' +
                                          (id.empty() ? "-" : std::string(id)));
    }
  }
}

TEST_CASE("a message has 1,024 bytes with all that belongs to it, and no more") {
  const std::size_t room = kNetchatBytesMax - std::string_view("carol: \"\"").size();
  CHECK(encoded_netchat("carol", std::string(room, 'x')).size() == kNetchatBytesMax);
  CHECK(encoded_netchat("carol", std::string(room - kTail.size(), 'x'), kId).size() ==
        kNetchatBytesMax);
  constexpr std::string_view kTooLong =
      "! the text is too long: a NetChat message has 1024 bytes with the sender";
  CHECK(encoded_netchat("carol", std::string(room + 1, 'x')) == kTooLong);
  CHECK(encoded_netchat("carol", std::string(room - kTail.size() + 1, 'x'), kId) == kTooLong);
  CHECK(encoded_netchat("carol", std::string(1'000'000, 'x')) == kTooLong);
  CHECK(encoded_netchat("carol", std::string(400, '"')) ==
        kTooLong);  // three bytes each on the way
}

TEST_CASE("what would break an old listener is refused") {
  constexpr std::string_view kOneLine =
      "! the text has a line break or a NUL: a NetChat message is one line";
  CHECK(encoded_netchat("a", "a\nb") == kOneLine);
  CHECK(encoded_netchat("a", "a\r") == kOneLine);
  CHECK(encoded_netchat("a", std::string_view("a\0b", 3)) == kOneLine);
  CHECK(encoded_netchat("a", "a\xff") == "! the text is not UTF-8");
  CHECK(encoded_netchat("a", "a\xc3") == "! the text is not UTF-8");
  CHECK(encoded_netchat("DELETE_MESSAGE", "x") ==
        "! NetChat programs take that sender's messages for delete signals");
  CHECK(encoded_netchat("delete_message", "x") == "delete_message: \"x\"");
}

TEST_CASE("anything that comes over a connection is read") {
  const std::string name64(64, 'x');
  const std::string name65(65, 'x');
  const std::string id(kId);
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string expected;
  };
  const Row rows[] = {
      {"plain", "alice: \"hi\"", "message alice|hi|-"},
      {"without the blank", "alice:\"hi\"", "message alice|hi|-"},
      {"a line end", "alice: \"hi\"\r\n", "message alice|hi|-"},
      {"an empty text", "alice: \"\"", "message alice||-"},
      {"inner quotes, as an old program sends them", "alice: \"a \"b\" c\"",
       "message alice|a \"b\" c|-"},
      {"no quotes", "alice: hi", "message alice|hi|-"},
      {"no quotes, a line end", "alice: hi\n", "message alice|hi|-"},
      {"no quotes, no blank", "alice:hi", "message alice|hi|-"},
      {"cut before the second quote", "alice: \"hi", "message alice|hi|-"},
      {"a colon behind the first quote names nobody", "\"a: b\"", "message -|a: b|-"},
      {"nobody", ": \"hi\"", "message -|hi|-"},
      {"no colon", "hello", "message -|hello|-"},
      {"the longest name", name64 + ": \"x\"", "message " + name64 + "|x|-"},
      {"one longer is no name", name65 + ": \"x\"", "message -|x|-"},
      {"no UTF-8", "carol: \"\xff\"", "message carol|\xff|-"},
      {"something behind the text", "alice: \"hi\" there", "message alice|hi|-"},
      {"an id", "alice: \"hi\"" + kTail, "message alice|hi|" + id},
      {"an id and a line end", "alice: \"hi\"" + kTail + "\n", "message alice|hi|" + id},
      {"an id of the wrong length", "alice: \"hi\" id=0123", "message alice|hi|-"},
      {"an id in capitals", "alice: \"hi\" id=0123456789ABCDEF0123456789ABCDEF",
       "message alice|hi|-"},
      {"more behind the id", "alice: \"hi\"" + kTail + "0", "message alice|hi|-"},
      {"quotes to be turned back", "alice: \"a ”b”\" quotes", "message alice|a \"b\"|-"},
      {"and an id", "alice: \"a ”b”\" quotes" + kTail, "message alice|a \"b\"|" + id},
      {"not to be turned back", "alice: \"a ”b”\"", "message alice|a ”b”|-"},
      {"a delete signal", "DELETE_MESSAGE:alice", "delete alice|-"},
      {"with the blank", "DELETE MESSAGE:alice", "delete alice|-"},
      {"with an id", "DELETE_MESSAGE:alice:" + id, "delete alice|" + id},
      {"with no id", "DELETE_MESSAGE:alice:12", "delete alice|-"},
      {"with a line end", "DELETE_MESSAGE:alice\r\n", "delete alice|-"},
      {"of nobody", "DELETE_MESSAGE:", "delete -|-"},
      {"of a long name", "DELETE_MESSAGE:" + std::string(5000, 'x'),
       "delete " + std::string(65, 'x') + "|-"},
      {"of nobody, cut", "DELETE_MESSAGE", "message -|DELETE_MESSAGE|-"},
      {"one byte", "x", "message -|x|-"},
      {"one quote", "\"", "message -||-"},
      {"nothing: a registry's probe", "", "nothing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(decoded_netchat(row.bytes) == row.expected);
  }
}

TEST_CASE("a delete signal is the old one, with an id where old programs do not look") {
  CHECK(common::encode_netchat_delete(test::name("alice")) == "DELETE_MESSAGE:alice");
  const std::string with_id = common::encode_netchat_delete(test::name("alice"), kId);
  CHECK(with_id == "DELETE_MESSAGE:alice:" + std::string(kId));
  CHECK(as_old_program(with_id) == "delete alice");
  CHECK(decoded_netchat(with_id) == "delete alice|" + std::string(kId));
}

TEST_CASE("the end of a message is found where there is one") {
  struct Row {
    std::string bytes;
    NetchatEnd expected;
  };
  const Row rows[] = {
      {"", NetchatEnd::kOpen},
      {"alice", NetchatEnd::kOpen},
      {"alice: hi", NetchatEnd::kOpen},
      {"alice: \"hi", NetchatEnd::kOpen},
      {"alice: \"hi\"", NetchatEnd::kLikely},
      {"alice: \"hi\"\n", NetchatEnd::kLikely},
      {"alice: \"a \"b", NetchatEnd::kOpen},
      {"alice: \"a \"b\"", NetchatEnd::kLikely},
      {"alice: \"hi\" quo", NetchatEnd::kOpen},
      {"alice: \"hi\" quotes", NetchatEnd::kLikely},
      {"alice: \"hi\" id=0123456789abcdef0123456789abcde", NetchatEnd::kOpen},
      {"alice: \"hi\"" + kTail, NetchatEnd::kCertain},
      {"alice: \"hi\" quotes" + kTail, NetchatEnd::kCertain},
      {"DELETE_MESSAGE:", NetchatEnd::kOpen},
      {"DELETE_MESSAGE:al", NetchatEnd::kLikely},
      {"DELETE_MESSAGE:alice:0123", NetchatEnd::kLikely},
      {"DELETE_MESSAGE:alice:" + std::string(kId), NetchatEnd::kCertain},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    CHECK(common::find_netchat_end(row.bytes) == row.expected);
  }
}

TEST_CASE("no beginning of a message with an id looks certainly whole") {
  for (const std::string& whole : {encoded_netchat("Göktuğ", "he said \"hi\"", kId),
                                   common::encode_netchat_delete(test::name("Göktuğ"), kId)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(common::find_netchat_end(whole.substr(0, size)) != NetchatEnd::kCertain);
      decoded_netchat(whole.substr(0, size));
    }
    CHECK(common::find_netchat_end(whole) == NetchatEnd::kCertain);
  }
}

TEST_CASE("a reply counts for its message alone, and only whole") {
  const std::string taken = common::encode_netchat_reply(NetchatReply::kTaken, kId);
  CHECK(taken == "TAKEN " + std::string(kId) + "\n");
  CHECK(taken.size() <= common::kNetchatReplyBytesMax);
  CHECK(common::decode_netchat_reply(taken, kId) == NetchatReply::kTaken);
  const std::string refused = common::encode_netchat_reply(NetchatReply::kRefused, kId);
  CHECK(common::decode_netchat_reply(refused, kId) == NetchatReply::kRefused);
  for (std::size_t size = 0; size < taken.size(); ++size)
    CHECK(!common::decode_netchat_reply(taken.substr(0, size), kId));
  CHECK(!common::decode_netchat_reply(taken + "x", kId));
  CHECK(!common::decode_netchat_reply(taken, "ffffffffffffffffffffffffffffffff"));
  CHECK(!common::decode_netchat_reply("HTTP/1.1 400 Bad Request\r\n", kId));
}

}  // namespace
