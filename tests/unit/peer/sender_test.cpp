// `send`: the classic client's commands and its exact texts.
#include "peer/sender.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/sender_run.hpp"

namespace {

using test::SenderRun;

const std::vector<std::string> kFour = {"Ali@127.0.0.1:50001", "Veli@127.0.0.1:50002",
                                        "Melih@127.0.0.1:50003", "Lara@127.0.0.1:50004"};

/// Every test holds for registries of both ages.
template <typename Test>
void with_both(const std::vector<std::string>& users, Test test) {
  for (const bool is_old : {false, true}) {
    CAPTURE(is_old);
    SenderRun run(users);
    run.is_old_registry = is_old;
    test(run);
  }
}

TEST_CASE("list prints the users in order of registration") {
  with_both(kFour, [](SenderRun& run) {
    run.line("list");
    CHECK(run.out == "The online users are:\nAli\nVeli\nMelih\nLara\n");
    CHECK(run.err == "");
    CHECK(run.status() == 0);
    CHECK(run.datagrams.empty());
  });
}

TEST_CASE("list of nobody says so and prints the heading all the same") {
  with_both({}, [](SenderRun& run) {
    run.line("list");
    CHECK(run.out == "There is no online users!\nThe online users are:\n");
    CHECK(run.status() == 0);
  });
}

TEST_CASE("unicast sends one datagram and says so") {
  with_both(kFour, [](SenderRun& run) {
    run.line("unicast Veli \"Hello Veli, how are you?\"");
    CHECK(run.out == "message is sent to Veli\n");
    CHECK(run.datagrams ==
          std::vector<std::string>{"127.0.0.1:50002 carol: Hello Veli, how are you?"});
    CHECK(run.status() == 0);
  });
}

TEST_CASE("unicast to somebody who is not listed") {
  with_both(kFour, [](SenderRun& run) {
    run.line("unicast Ahmet \"x\"");
    CHECK(run.out == "user Ahmet is not found\n");
    CHECK(run.datagrams.empty());
    CHECK(run.status() == 67);
  });
}

TEST_CASE("unicast while nobody is listed says that first") {
  with_both({}, [](SenderRun& run) {
    run.line("unicast Ahmet \"x\"");
    CHECK(run.out == "There is no online users!\nuser Ahmet is not found\n");
    CHECK(run.status() == 67);
  });
}

TEST_CASE("broadcast sends to every listed user in list order, one line each") {
  with_both(kFour, [](SenderRun& run) {
    run.line("broadcast \"Good evening everyone\"");
    CHECK(run.out ==
          "message is sent to Ali\nmessage is sent to Veli\nmessage is sent to Melih\n"
          "message is sent to Lara\n");
    CHECK(run.datagrams.size() == 4);
    CHECK(run.datagrams[3] == "127.0.0.1:50004 carol: Good evening everyone");
    CHECK(run.status() == 0);
  });
}

TEST_CASE("broadcast to nobody") {
  with_both({}, [](SenderRun& run) {
    run.line("broadcast \"x\"");
    CHECK(run.out == "There is no online users!\nthere is no online user\n");
    CHECK(run.status() == 67);
  });
}

TEST_CASE("broadcast does not reach who says it") {
  const std::vector<std::string> users = {"Carol@127.0.0.1:50009", "Ali@127.0.0.1:50001"};
  with_both(users, [](SenderRun& run) {
    run.line("broadcast \"x\"");
    CHECK(run.out == "message is sent to Ali\n");
  });
  with_both({"carol@127.0.0.1:50009"}, [](SenderRun& run) {
    run.line("broadcast \"x\"");
    CHECK(run.out == "there is no online user\n");
    CHECK(run.status() == 67);
  });
}

TEST_CASE("multicast answers for each name in typed order") {
  with_both(kFour, [](SenderRun& run) {
    run.line("multicast [Lara, Ahmet, Ali] \"Nice app!\"");
    CHECK(run.out == "message is sent to Lara\nuser Ahmet is not found\nmessage is sent to Ali\n");
    CHECK(run.datagrams == std::vector<std::string>{"127.0.0.1:50004 carol: Nice app!",
                                                    "127.0.0.1:50001 carol: Nice app!"});
    CHECK(run.status() == 1);
  });
}

TEST_CASE("a name typed twice is sent twice") {
  with_both(kFour, [](SenderRun& run) {
    run.line("multicast [Ali, Ali] \"Twice is twice\"");
    CHECK(run.out == "message is sent to Ali\nmessage is sent to Ali\n");
    CHECK(run.datagrams.size() == 2);
    CHECK(run.status() == 0);
  });
}

TEST_CASE("multicast to nobody asks for a user, and asks the registry nothing") {
  SenderRun run(kFour);
  run.line("multicast [] \"x\"");
  CHECK(run.out == "please enter a user in []\n");
  CHECK(run.fetches.empty());
  CHECK(run.status() == 65);
}

TEST_CASE("multicast to users none of whom is listed") {
  with_both({}, [](SenderRun& run) {
    run.line("multicast [Ali, Veli] \"x\"");
    CHECK(run.out == "There is no online users!\nuser Ali is not found\nuser Veli is not found\n");
    CHECK(run.status() == 67);
  });
}

TEST_CASE("exit ends the run, asks nobody anything and is no failure") {
  SenderRun run(kFour);
  CHECK_FALSE(run.sender.has_exited());
  run.line("exit");
  CHECK(run.sender.has_exited());
  CHECK(run.out == "");
  CHECK(run.fetches.empty());
  CHECK(run.status() == 0);
}

TEST_CASE("anything else is an invalid command, with a hint beside it") {
  SenderRun run(kFour);
  run.line("dance");
  CHECK(run.out == "Invalid command!\n");
  CHECK(run.err == "the commands are list, unicast, multicast, broadcast, ask and exit\n");
  CHECK(run.status() == 65);
  SenderRun typing_error(kFour);
  typing_error.line("unicats Ali \"x\"");
  CHECK(typing_error.out == "Invalid command!\n");
  CHECK(typing_error.err == "did you mean unicast?\n");
  SenderRun form(kFour);
  form.line("unicast Ali hello");
  CHECK(form.out == "Invalid command!\n");
  CHECK(form.err == "unicast NAME \"TEXT\"\n");
}

TEST_CASE("command words inside a text are text") {
  with_both(kFour, [](SenderRun& run) {
    run.line("unicast Ali \"please list, broadcast and exit\"");
    CHECK(run.datagrams ==
          std::vector<std::string>{"127.0.0.1:50001 carol: please list, broadcast and exit"});
    CHECK_FALSE(run.sender.has_exited());
  });
}

TEST_CASE("a look-up costs one question for each name, and no list") {
  SenderRun run(kFour);
  run.line("multicast [Ali, Veli] \"x\"");
  CHECK(run.fetches == std::vector<std::string>{"GET /userlist.txt?username=Ali",
                                                "GET /userlist.txt?username=Veli"});
}

TEST_CASE("a list is asked for each time, and not sent again while nothing changed") {
  SenderRun run(kFour);
  run.line("list").line("list").line("broadcast \"x\"");
  CHECK(run.fetches.size() == 3);
  CHECK(run.out.find("Lara\nThe online users are:\nAli\n") != std::string::npos);
  CHECK(run.datagrams.size() == 4);
  run.set_users({"Yeni@127.0.0.1:50005"});
  run.out.clear();
  run.line("list");
  CHECK(run.out == "The online users are:\nYeni\n");
}

TEST_CASE("names are found in any case and in any normal form, and answered as they are listed") {
  SenderRun run({"Zo\u00eb@127.0.0.1:50001"});
  run.script.push_back(
      peer::HttpAnswer{.status = 200, .is_json = false, .etag = "", .body = "127.0.0.1:50001"});
  run.line("unicast Zoe\u0308 \"x\"");
  CHECK(run.fetches == std::vector<std::string>{"GET /userlist.txt?username=Zo%C3%AB"});
  CHECK(run.out == "message is sent to Zo\u00eb\n");
}

TEST_CASE("a name that nobody can have is not found without asking, and is made harmless") {
  SenderRun run(kFour);
  run.line("multicast [a@b, \x1b[2J, user] \"x\"");
  CHECK(run.out.find('\x1b') == std::string::npos);
  CHECK(run.out.find("user a@b is not found\n") != std::string::npos);
  CHECK(run.fetches.empty());
  CHECK(run.status() == 67);
}

TEST_CASE("a text that is too long for an old listener is refused before anybody is asked") {
  for (const std::string_view command : {"unicast Ali", "multicast [Ali]", "broadcast"}) {
    CAPTURE(command);
    const std::size_t room = 2048 - std::string_view("carol: ").size();
    SenderRun fits(kFour);
    fits.line(std::string(command) + " \"" + std::string(room, 'x') + '"');
    CHECK(fits.status() == 0);
    SenderRun run(kFour);
    run.line(std::string(command) + " \"" + std::string(room + 1, 'x') + '"');
    CHECK(run.out == "");
    CHECK(run.err == "the text is too long: a classic datagram has 2048 bytes with the sender\n");
    CHECK(run.fetches.empty());
    CHECK(run.datagrams.empty());
    CHECK(run.status() == 65);
  }
}

TEST_CASE("a text that is not UTF-8 is refused: one bad byte ends an old listener") {
  SenderRun run(kFour);
  run.line("unicast Ali \"\xff\"");
  CHECK(run.err == "the text is not UTF-8\n");
  CHECK(run.datagrams.empty());
  CHECK(run.status() == 65);
}

TEST_CASE("a line longer than any command is malformed, and the next one is read as ever") {
  SenderRun run(kFour);
  run.sender.handle_overlong_line();
  run.line("unicast Ali \"x\"");
  CHECK(run.out == "Invalid command!\nmessage is sent to Ali\n");
  CHECK(run.err == "the line is too long\n");
  CHECK(run.status() == 65);
}

TEST_CASE("a datagram that the network refuses is told, and the rest are sent all the same") {
  SenderRun run(kFour);
  run.refusals["127.0.0.1:50002"] = "network is unreachable";
  run.line("broadcast \"x\"");
  CHECK(run.out == "message is sent to Ali\nmessage is sent to Melih\nmessage is sent to Lara\n");
  CHECK(run.err == "message to Veli was not delivered: network is unreachable\n");
  CHECK(run.status() == 1);
}

TEST_CASE("the look-ups that a waiting line will ask for are known ahead") {
  struct Row {
    std::string_view line;
    std::string_view expected;
  };
  const Row rows[] = {
      {"unicast Ali \"x\"", "Ali "},
      {"unicast G\u00f6ktu\u011f \"x\"", "G%C3%B6ktu%C4%9F "},
      {"unicast Zoe\u0308 \"x\"", "Zo%C3%AB "},
      {"multicast [Ali, Veli, Ali] \"x\"", "Ali Veli Ali "},
      {"multicast [] \"x\"", ""},
      {"multicast [a@b, Ali] \"x\"", "Ali "},
      {"unicast a@b \"x\"", ""},
      {"unicast Ali", ""},
      {"list", ""},
      {"broadcast \"x\"", ""},
      {"exit", ""},
      {"dance", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    std::string names;
    std::vector<std::string> targets;
    SenderRun run(kFour);
    for (const auto& request : peer::lookups_in(row.line)) {
      targets.push_back("GET " + request.target);
      names += request.target.substr(request.target.find('=') + 1) + ' ';
    }
    CHECK(names == row.expected);
    // And they are what the sender then asks.
    if (row.expected.empty()) continue;
    run.line(row.line);
    CHECK(run.fetches == targets);
  }
}

TEST_CASE("words of the command line do the same as lines") {
  SenderRun run(kFour);
  run.words({"unicast", "Ali", "build", "done"});
  CHECK(run.out == "message is sent to Ali\n");
  CHECK(run.datagrams == std::vector<std::string>{"127.0.0.1:50001 carol: build done"});
  CHECK(run.status() == 0);
}

TEST_CASE("commands that wait together share one list, and later ones ask anew") {
  SenderRun run(kFour);
  run.sender.hold_list(true);
  run.line("broadcast \"one\"");
  run.line("list");
  run.line("broadcast \"two\"");
  CHECK(run.fetches.size() == 1);
  run.sender.hold_list(false);
  run.line("list");
  run.line("list");
  CHECK(run.fetches.size() == 3);
}

TEST_CASE("results may come late: lines keep the order of the commands") {
  const auto name = [](std::string_view text) { return *common::UserName::parse(text); };
  peer::Sender sender(name("ci"), "127.0.0.1:8080");
  const auto answer = [&](const char* endpoint) {
    auto fetch = sender.poll_action();
    REQUIRE(fetch.has_value());
    REQUIRE(std::holds_alternative<peer::Sender::Fetch>(*fetch));
    sender.handle_answer(endpoint ? peer::HttpAnswer{.status = 200, .body = endpoint}
                                  : peer::HttpAnswer{.status = 404, .body = {}});
  };
  const auto take_send = [&] {
    auto send = sender.poll_action();
    REQUIRE(send.has_value());
    REQUIRE(std::holds_alternative<peer::Sender::SendDatagrams>(*send));
  };
  sender.handle_line("multicast [ann, zoe, bob] \"x\"");
  answer("127.0.0.1:50001");
  take_send();
  answer(nullptr);
  answer("127.0.0.1:50002");
  take_send();
  REQUIRE(sender.is_idle());
  sender.handle_line("unicast bob \"y\"");
  answer("127.0.0.1:50002");
  take_send();
  CHECK_FALSE(sender.poll_action().has_value());  // nothing is told before the first result
  CHECK(sender.status() == common::ExitStatus::kOk);
  const std::string taken, refused = "network is unreachable";
  sender.handle_sent({&taken, 1});
  sender.handle_sent({&refused, 1});
  CHECK(sender.status() == common::ExitStatus::kSomeMissed);
  sender.handle_sent({&taken, 1});
  std::string lines;
  while (const auto action = sender.poll_action()) {
    if (const auto* print = std::get_if<peer::Sender::Print>(&*action)) lines += print->line + '\n';
    if (const auto* complain = std::get_if<peer::Sender::Complain>(&*action))
      lines += "! " + complain->text + '\n';
  }
  CHECK(lines ==
        "message is sent to ann\nuser zoe is not found\n"
        "! message to bob was not delivered: network is unreachable\nmessage is sent to bob\n");
}

TEST_CASE("users who take no datagrams are listed, and reached by way of the registry") {
  SenderRun run({"net@127.0.0.1:50001", "bob@127.0.0.1:50002", "nina@127.0.0.1:50003"});
  run.tcp_users = {"net", "nina"};
  SUBCASE("list") {
    run.line("list");
    CHECK(run.out == "The online users are:\nnet\nbob\nnina\n");
  }
  SUBCASE("unicast") {
    run.line("unicast net \"hi\"");
    CHECK(run.handed_on == std::vector<std::string>{"/v1/to/net?from=carol hi"});
    CHECK(run.datagrams.empty());
    CHECK(run.out == "message is sent to net\n");
  }
  SUBCASE("multicast") {
    run.line("multicast [bob, net] \"hi\"");
    CHECK(run.handed_on == std::vector<std::string>{"/v1/to/net?from=carol hi"});
    CHECK(run.datagrams == std::vector<std::string>{"127.0.0.1:50002 carol: hi"});
  }
  SUBCASE("broadcast") {
    run.line("broadcast \"hi\"");
    CHECK(run.handed_on ==
          std::vector<std::string>{"/v1/to/net?from=carol hi", "/v1/to/nina?from=carol hi"});
    CHECK(run.datagrams == std::vector<std::string>{"127.0.0.1:50002 carol: hi"});
  }
  CHECK(run.status() == 0);
}

}  // namespace
