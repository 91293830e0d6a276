// What chat-room servers say, old ones without any framing, and what is sent to them.
#include "peer/room_protocol.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "tests/unit/support/room_run.hpp"

namespace {

using namespace peer;
using test::kGreeting;
using test::kPrompt;
using ItemKind = RoomReader::Kind;

/// "P" for the prompt, "G" for the greeting, "L text" for a line, "+ text" for a line that goes on,
/// "X text" for what is not understood.
void read_into(RoomReader& reader, std::vector<std::string>& items) {
  while (const auto item = reader.next()) {
    switch (item->kind) {
      case ItemKind::kPrompt:
        items.emplace_back("P");
        break;
      case ItemKind::kGreeting:
        items.emplace_back("G");
        break;
      case ItemKind::kLine:
        items.push_back((item->is_continued ? "+ " : "L ") + item->text);
        break;
      case ItemKind::kGarbage:
        items.push_back("X " + item->text);
        break;
    }
  }
}

TEST_CASE("what servers say is understood whole, and cut at any byte") {
  struct Row {
    const char* name;
    std::string bytes;
    std::vector<std::string> items;
    bool has_half = false;
    bool same_when_cut = true;
  };
  const Row rows[] = {
      {"a greeting, then lines",
       kPrompt + kGreeting + "<bob> hi\n<bob> ho\r\n",
       {"P", "G", "L <bob> hi", "L <bob> ho"}},
      {"the name is refused", kPrompt + kPrompt, {"P", "P"}},
      {"refused, then not", kPrompt + kPrompt + kGreeting, {"P", "P", "G"}},
      {"half a line", kPrompt + kGreeting + "<bob> Göktu", {"P", "G"}, true},
      {"an old server's room, before the name is said",
       kPrompt + "<bob> hi\n" + kGreeting + "<bob> ho\n",
       {"P", "L <bob> hi", "G", "L <bob> ho"}},
      {"and before the prompt", "<bob> hi\n" + kPrompt + kGreeting, {"L <bob> hi", "P", "G"}},
      {"a text without end, and the greeting glued to it",
       kPrompt + "<bob> hi" + kGreeting + "<bob> ho\n",
       {"P", "L <bob> hi", "G", "L <bob> ho"}},
      {"a text that reads like the greeting",
       kPrompt + "<bob> " + kGreeting + "\n" + kGreeting,
       {"P", "L <bob> " + kGreeting, "G"},
       false,
       false},  // cut right behind it, it could be the greeting itself
      {"a text that reads like the prompt, in the room",
       kPrompt + kGreeting + "<bob> " + kPrompt + "x\n",
       {"P", "G", "L <bob> " + kPrompt + "x"}},
      {"what is said in the room has any form",
       kPrompt + kGreeting + "\n" + kPrompt + "\n\x1b[2J\xff\n",
       {"P", "G", "L ", "L " + kPrompt, "L \x1b[2J\xff"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RoomReader whole;
    std::vector<std::string> items;
    whole.push(common::as_bytes(row.bytes));
    read_into(whole, items);
    CHECK(items == row.items);
    CHECK(whole.has_half() == row.has_half);
    if (!row.same_when_cut) continue;
    for (std::size_t cut = 0; cut <= row.bytes.size(); ++cut) {
      CAPTURE(cut);
      RoomReader reader;
      items.clear();
      reader.push(common::as_bytes(std::string_view(row.bytes).substr(0, cut)));
      read_into(reader, items);
      reader.push(common::as_bytes(std::string_view(row.bytes).substr(cut)));
      read_into(reader, items);
      CHECK(items == row.items);
    }
  }
}

TEST_CASE("what no chat-room server says is not one") {
  for (const std::string said :
       {"HTTP/1.1 400 Bad Request\r\n", "101 Authentication successful\n", "SSH-2.0-x\n", "\n",
        "Please enter your name: ", "You are connected to chatroom."}) {
    CAPTURE(said);
    RoomReader reader;
    std::vector<std::string> items;
    for (const char byte : said) {
      reader.push(common::as_bytes(std::string_view(&byte, 1)));
      read_into(reader, items);
    }
    REQUIRE(items.size() == 1);
    CHECK(items[0].starts_with("X "));
  }
}

TEST_CASE("a line without end is told in parts, and nothing grows without bound") {
  for (const bool is_in_room : {false, true}) {
    CAPTURE(is_in_room);
    RoomReader reader;
    std::vector<std::string> items;
    if (is_in_room) reader.push(common::as_bytes(kPrompt + kGreeting));
    reader.push(common::as_bytes("<bob> " + std::string(20'000, 'x')));
    read_into(reader, items);
    std::erase_if(items, [](const std::string& item) { return item.size() == 1; });
    REQUIRE(items.size() == 2);
    CHECK(items[0] == "L <bob> " + std::string(RoomReader::kLineBytesMax - 6, 'x'));
    CHECK(items[1] == "+ " + std::string(RoomReader::kLineBytesMax, 'x'));
    reader.push(common::as_bytes(std::string_view("\n<bob> hi\n")));
    read_into(reader, items);
    REQUIRE(items.size() == 4);
    CHECK(items[2].starts_with("+ xxx"));
    CHECK(items[3] == "L <bob> hi");
  }
}

TEST_CASE("half a line can be taken, and what follows is known to follow it") {
  RoomReader reader;
  CHECK(!reader.take_half());
  std::vector<std::string> items;
  reader.push(common::as_bytes(kPrompt + kGreeting + "<bob> hi"));
  read_into(reader, items);
  items.clear();
  CHECK(reader.has_half());
  CHECK(reader.take_half()->text == "<bob> hi");
  CHECK(!reader.has_half());
  CHECK(!reader.take_half());
  reader.push(common::as_bytes(std::string_view("<eve> forged\n<bob> ho\n")));
  read_into(reader, items);
  CHECK(items == std::vector<std::string>{"+ <eve> forged", "L <bob> ho"});
}

TEST_CASE("a line says who said it, and to whom") {
  struct Row {
    std::string line, meaning;
  };
  const Row rows[] = {
      {"<bob> hi", "bob|room|hi"},
      {"<bob> ", "bob|room|"},
      {"<bob to you> hi", "bob|me|hi"},
      {"<bob to all> hi", "bob|all|hi"},
      {"<bob to nobody> hi", "bob to nobody|room|hi"},
      {"<bob> <eve> hi", "bob|room|<eve> hi"},
      {"<bob>hi", "-|room|<bob>hi"},
      {"<> hi", "-|room|<> hi"},
      {"< to you> hi", "-|room|< to you> hi"},
      {"bob> hi", "-|room|bob> hi"},
      {"<bob hi", "-|room|<bob hi"},
      {"", "-|room|"},
      {"<" + std::string(64, 'n') + "> x", std::string(64, 'n') + "|room|x"},
      {"<" + std::string(65, 'n') + "> x", "-|room|<" + std::string(65, 'n') + "> x"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const RoomMessage message = parse_room_line(row.line);
    const char* const to = message.to == RoomMessage::To::kRoom ? "|room|"
                           : message.to == RoomMessage::To::kMe ? "|me|"
                                                                : "|all|";
    CHECK(message.from.value_or("-") + to + message.text == row.meaning);
  }
}

TEST_CASE("a text that old servers would cut, lose or pass on to a terminal is not sent") {
  CHECK(!why_no_room_text("Günaydın ☕ \t<bob>"));
  CHECK(!why_no_room_text(std::string(2047, 'x')));
  CHECK(why_no_room_text(std::string(2048, 'x')) == "has more than 2047 bytes");
  CHECK(why_no_room_text("\xff") == "is not UTF-8");
  for (const std::string_view bad : {"a\rb", "a\nb", "\x1b[2J", "\x7f", "a\xc2\x9b"}) {
    CAPTURE(bad);
    CHECK(why_no_room_text(bad) == "has a control character");
  }
}

}  // namespace
