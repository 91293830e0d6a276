// What is typed in `meet`, and what a registry says there.
#include "peer/meet_command.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "peer/meet_protocol.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using namespace peer;
using NoticeKind = MeetNotice::Kind;

std::string read(std::string_view line, bool is_in_room) {
  const MeetCommand command = parse_meet_command(line, is_in_room);
  if (const auto* search = std::get_if<MeetSearch>(&command)) return "search " + search->name;
  if (const auto* request = std::get_if<MeetChatRequest>(&command)) return "ask " + request->name;
  if (const auto* answer = std::get_if<MeetAnswer>(&command))
    return (answer->is_yes ? "ok " : "reject ") + answer->name;
  if (const auto* group = std::get_if<MeetGroupChat>(&command)) {
    std::string text = "group";
    for (const std::string& one : group->names) text += ' ' + one;
    return text;
  }
  if (const auto* answer = std::get_if<MeetGroupAnswer>(&command))
    return fmt::format("{} group {}", answer->is_yes ? "ok" : "reject", answer->group);
  if (std::holds_alternative<MeetExit>(command)) return "exit";
  if (std::holds_alternative<MeetLogout>(command)) return "logout";
  if (const auto* text = std::get_if<MeetText>(&command)) return "text:" + text->text;
  return "usage:" + std::get<MeetUsage>(command).usage;
}

TEST_CASE("a line is a command by its first words, exactly, and else a text") {
  struct Row {
    std::string_view line;
    std::string_view outside;
    std::string_view inside = {};  // a room; empty: the same
  };
  const Row rows[] = {
      {"SEARCH veli", "search veli"},
      {"  SEARCH \t veli  ", "search veli"},
      {"SEARCH Göktuğ", "search Göktuğ"},
      {"SEARCH", "usage:SEARCH NAME"},
      {"SEARCH a b", "usage:SEARCH NAME"},
      {"SEARCH a|b", "usage:SEARCH NAME"},
      {"SEARCH a:b", "usage:SEARCH NAME"},
      {"SEARCH &&OK&&", "usage:SEARCH NAME"},
      {"SEARCH \x1b[2J", "usage:SEARCH NAME"},
      {"SEARCH \xff", "usage:SEARCH NAME"},
      {"search veli", "text:search veli"},
      {"SEARCHveli", "text:SEARCHveli"},
      {"please SEARCH veli", "text:please SEARCH veli"},
      {"CHAT REQUEST veli", "ask veli"},
      {"CHAT  REQUEST  veli", "ask veli"},
      {"CHAT REQUEST", "usage:CHAT REQUEST NAME"},
      {"CHAT veli", "text:CHAT veli"},
      {"OK veli", "ok veli", "text:OK veli"},
      {"OK", "usage:OK NAME", "text:OK"},
      {"OK see you", "usage:OK NAME", "text:OK see you"},
      {"OK, see you", "text:OK, see you"},
      {"BOOK", "text:BOOK"},
      {"REJECT veli", "reject veli", "text:REJECT veli"},
      {"GROUP CHAT a b c", "group a b c"},
      {"GROUP CHAT", "usage:GROUP CHAT NAME NAME ..."},
      {"GROUP CHAT a b|c", "usage:GROUP CHAT NAME NAME ..."},
      {"OK GROUP 7", "ok group 7"},
      {"REJECT GROUP 7", "reject group 7"},
      {"OK GROUP", "usage:OK GROUP NUMBER"},
      {"OK GROUP seven", "usage:OK GROUP NUMBER"},
      {"OK GROUP 0", "usage:OK GROUP NUMBER"},
      {"OK GROUP 7 8", "usage:OK GROUP NUMBER"},
      {"OK GROUP 99999999999", "usage:OK GROUP NUMBER"},
      {"REJECT GROUP x", "usage:REJECT GROUP NUMBER"},
      {"EXIT", "exit"},
      {"EXIT GROUP", "exit"},
      {"EXIT now", "text:EXIT now"},
      {"LOGOUT", "logout"},
      {"LOGOUT now", "text:LOGOUT now"},
      {"", "text:"},
      {"   ", "text:"},
      {"  hello  there ", "text:  hello  there "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(read(row.line, false) == row.outside);
    CHECK(read(row.line, true) == (row.inside.empty() ? row.outside : row.inside));
  }
}

TEST_CASE("texts are UTF-8 without controls, of bounded length") {
  CHECK(is_meet_text("hello"));
  CHECK(is_meet_text("a\tb"));
  CHECK(is_meet_text("şığ 👍"));
  CHECK(is_meet_text(std::string(kMeetTextBytesMax, 'x')));
  CHECK(!is_meet_text(""));
  CHECK(!is_meet_text(std::string(kMeetTextBytesMax + 1, 'x')));
  CHECK(!is_meet_text("a\x1b[2J"));
  CHECK(!is_meet_text("a\rb"));
  CHECK(!is_meet_text("\xff"));
  CHECK(is_meet_text("a\u00a0b"));
  CHECK(!is_meet_text("a\u0085b"));
  CHECK(!is_meet_text("\u0080"));
  CHECK(!is_meet_text("\u009f"));
  CHECK(!is_meet_text("\xc2"));
}

TEST_CASE("a text's length is what it has when its keywords are pulled apart") {
  const std::string keyword = "&&EXIT&&";
  CHECK(is_meet_text(std::string(kMeetTextBytesMax - keyword.size() - 1, 'x') + keyword));
  CHECK(!is_meet_text(std::string(kMeetTextBytesMax - keyword.size(), 'x') + keyword));
}

TEST_CASE("what a registry says is known by its keyword or its words") {
  struct Row {
    std::string_view data;
    NoticeKind kind;
    std::string_view text;
    std::uint32_t group = 0;
  };
  const Row rows[] = {
      {"&&FOUND&&|veli found. its address is ('127.0.0.1', 47010)", NoticeKind::kFound,
       "veli found. its address is ('127.0.0.1', 47010)"},
      {"&&NOTFOUND&&|user not found", NoticeKind::kNotFound, "user not found"},
      {"&&INVALIDSEARCH&&|you can't search yourself. search for other users",
       NoticeKind::kOwnSearch, "you can't search yourself. search for other users"},
      {"&&BUSY&&|the user is busy. try again later.", NoticeKind::kBusy,
       "the user is busy. try again later."},
      {"&&CLIENTEXIT&&|you left the chat room.", NoticeKind::kChatClosed,
       "you left the chat room."},
      {"&&LOGOUTSUCCESS&&", NoticeKind::kLoggedOut, ""},
      {"&&DANCE&&|x|y", NoticeKind::kText, "x"},
      {"veli would like to chat with you? (OK/REJECT)", NoticeKind::kText,
       "veli would like to chat with you? (OK/REJECT)"},
      {"you have rejected the chat request!", NoticeKind::kAnswered,
       "you have rejected the chat request!"},
      {"you have rejected the group chat request!", NoticeKind::kAnswered,
       "you have rejected the group chat request!"},
      {"veli rejected the chat request!", NoticeKind::kRejected, "veli rejected the chat request!"},
      {"veli rejected the group chat request!", NoticeKind::kText,
       "veli rejected the group chat request!"},
      {"veli did not answer the chat request.", NoticeKind::kUnanswered,
       "veli did not answer the chat request."},
      {"too many of your chat requests are not answered yet.", NoticeKind::kUnanswered,
       "too many of your chat requests are not answered yet."},
      {"veli has not answered your chat request yet.", NoticeKind::kText,
       "veli has not answered your chat request yet."},
      {"there is no chat request from veli.", NoticeKind::kAnswered,
       "there is no chat request from veli."},
      {"there is no request for group chat 7.", NoticeKind::kGroupNotHere,
       "there is no request for group chat 7."},
      {"you have added yourself to group chat 12. a request has been sent to your added friends. "
       "type EXIT GROUP to leave.",
       NoticeKind::kGroupMade,
       "you have added yourself to group chat 12. a request has been sent to your added friends. "
       "type EXIT GROUP to leave.",
       12},
      {"veli would like to add you to group chat room 3? (OK/REJECT GROUP <room_number>)",
       NoticeKind::kInvited,
       "veli would like to add you to group chat room 3? (OK/REJECT GROUP <room_number>)", 3},
      {"ali joined the group chat", NoticeKind::kGroupJoined, "ali joined the group chat"},
      {"veli joined the group chat", NoticeKind::kText, "veli joined the group chat"},
      {"you left the chat room.", NoticeKind::kGroupLeft, "you left the chat room."},
      {"veli left the chat room.", NoticeKind::kText, "veli left the chat room."},
      {"your message was not sent. it is empty, too long, or has control characters.",
       NoticeKind::kTextRefused,
       "your message was not sent. it is empty, too long, or has control characters."},
      {"your message was not sent. too many of yours are under way.", NoticeKind::kNotSent,
       "your message was not sent. too many of yours are under way."},
      {"your name was refused. it is in use. start again with another.", NoticeKind::kRefused,
       "your name was refused. it is in use. start again with another."},
      {"&&MESSAGE&&|veli: a: b|c", NoticeKind::kMessage, "a: b|c"},
      {"&&MESSAGE&&|nobody said this", NoticeKind::kMessage, "nobody said this"},
      {"", NoticeKind::kText, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.data);
    const auto notice = interpret_notice("veli", row.data, name("ali"));
    REQUIRE(notice);
    CHECK(notice->kind == row.kind);
    CHECK(notice->text == row.text);
    CHECK(notice->group == row.group);
    if (row.kind == NoticeKind::kMessage) CHECK(notice->sender == "veli");
  }
}

TEST_CASE("a chat's partner is where the registry says, or on this machine") {
  struct Row {
    std::string_view data;
    std::string_view partner;
    std::string_view endpoint;  // empty: none that can be used
  };
  const Row rows[] = {
      {"&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|6120", "veli",
       "127.0.0.1:6120"},
      {"&&CLIENTOK&&|you have entered into a private chat with can. you can send your message "
       "now!|6120",
       "can", "127.0.0.1:6120"},
      {"&&CLIENTOK&&|x|10.0.0.6|6120", "veli", "10.0.0.6:6120"},
      {"&&CLIENTOK&&|x|::1|6120", "veli", "[::1]:6120"},
      {"&&CLIENTOK&&|x| 6120 ", "veli", "127.0.0.1:6120"},
      {"&&CLIENTOK&&|x|22", "", ""},
      {"&&CLIENTOK&&|x|0.0.0.0|6120", "", ""},
      {"&&CLIENTOK&&|x|255.255.255.255|6120", "", ""},
      {"&&CLIENTOK&&|x|here|6120", "", ""},
      {"&&CLIENTOK&&|x|65536", "", ""},
      {"&&CLIENTOK&&|6120", "", ""},
      {"&&CLIENTOK&&", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.data);
    const auto notice = interpret_notice("veli", row.data, name("ali"));
    CHECK(notice.has_value() == !row.endpoint.empty());
    if (!notice) continue;
    CHECK(notice->kind == NoticeKind::kChatOpened);
    CHECK(notice->partner == row.partner);
    CHECK(common::format_endpoint(notice->endpoint) == row.endpoint);
  }
}

TEST_CASE("a message names its sender, and holds no keyword") {
  CHECK(format_meet_message(name("ali"), "&&LOGOUT&& a|b") == "&&MESSAGE&&|ali: & &LOGOUT&& a|b");
  const auto message = parse_meet_message("&&MESSAGE&&|ali: a: b");
  REQUIRE(message);
  CHECK(message->sender == "ali");
  CHECK(message->text == "a: b");
  for (const char* data :
       {"&&MESSAGE&&|x", "&&MESSAGE&&|: x", "&&MESSAGE&&|", "ali: x", "", "&&EXIT&&|ali: x"}) {
    CAPTURE(data);
    CHECK(!parse_meet_message(data));
  }
}

}  // namespace
