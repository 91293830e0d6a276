// The user's command for a message: what it is given, and how it ends.
#include "peer/shell/hook_process.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "common/os/clock.hpp"
#include "tests/unit/support/temp_folder.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::os::monotonic_now;
using peer::HookProcess;
using test::TempFolder;

peer::Received received(std::string text, std::optional<std::string> sender = "veli") {
  return {.id = std::string(32, 'a'),
          .time = {},
          .message = {.sender = std::move(sender), .text = std::move(text)}};
}

std::string run(HookProcess& hook, const peer::Received& message) {
  REQUIRE(hook.start(monotonic_now(), message));
  CHECK(hook.is_running());
  pollfd ended{hook.fd(), POLLIN, 0};
  while (::poll(&ended, 1, 10) == 0) hook.handle_timeout(monotonic_now());
  std::string how = hook.finish().complaint();
  CHECK_FALSE(hook.is_running());
  CHECK(hook.fd() == -1);
  return how;
}

TEST_CASE(
    "the text is the command's standard input, with a line end; sender and id its environment") {
  const TempFolder folder;
  const std::string file = (folder / "seen").string();
  HookProcess hook("{ cat; echo \"$PEER_SENDER $PEER_ID\"; } > " + file, 10s);
  CHECK(run(hook, received("hello all")) == "");
  CHECK(test::read_text(file) == "hello all\nveli " + std::string(32, 'a') + '\n');
  CHECK(run(hook, received("", std::nullopt)) == "");
  CHECK(test::read_text(file) == "\n " + std::string(32, 'a') + '\n');
}

TEST_CASE("nothing in a message is run: neither in the text nor in the sender") {
  const TempFolder folder;
  const std::string file = (folder / "seen").string();
  const std::string evil = "$(touch " + (folder / "evil").string() + "); `touch " +
                           (folder / "evil").string() + "`; touch " + (folder / "evil").string();
  HookProcess hook("{ cat; printf '%s' \"$PEER_SENDER\"; } > " + file, 10s);
  CHECK(run(hook, received(evil, evil)) == "");
  CHECK(test::read_text(file) == evil + '\n' + evil);
  CHECK_FALSE(std::filesystem::exists(folder / "evil"));
}

TEST_CASE("any bytes reach the command as they came") {
  const TempFolder folder;
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string large(65'000, 'x');
  HookProcess hook("cat > " + (folder / "seen").string(), 10s);
  for (const std::string& text : {bytes, large}) {
    CHECK(run(hook, received(text)) == "");
    CHECK(test::read_text(folder / "seen") == text + '\n');
  }
  // An environment cannot hold a NUL.
  HookProcess sender("printf '%s' \"$PEER_SENDER\" > " + (folder / "seen").string(), 10s);
  CHECK(run(sender, received("x", std::string("a\0b=c\xff", 6))) == "");
  CHECK(test::read_text(folder / "seen") == "ab=c\xff");
}

TEST_CASE("a command that does not read its input is no matter") {
  HookProcess hook("true", 10s);
  CHECK(run(hook, received(std::string(65'000, 'x'))) == "");
}

TEST_CASE("how a command ended is told as for people") {
  HookProcess fails("exit 3", 10s);
  CHECK(run(fails, received("x")) == "exit status 3");
  HookProcess killed("kill -9 $$", 10s);
  CHECK(run(killed, received("x")) == "was killed by signal 9");
  HookProcess missing("/no/such/command 2>/dev/null", 10s);
  CHECK(run(missing, received("x")) == "exit status 127");
}

TEST_CASE("a command that takes too long is killed, with everything that it started") {
  const TempFolder folder;
  const std::string file = (folder / "pid").string();
  HookProcess hook("sleep 100 & echo $! > " + file + "; wait", 200ms);
  CHECK(run(hook, received("x")) == "took too long and was killed");
  const int child = std::stoi(test::read_text(file));
  bool is_gone = false;
  for (int i = 0; i < 1000 && !is_gone; ++i) {
    // A zombie whose parent is gone is reaped by init; it may take a moment.
    const std::string stat = test::read_text("/proc/" + std::to_string(child) + "/stat");
    is_gone = ::kill(child, 0) != 0 || stat.find(") Z") != stat.npos;
    if (!is_gone) ::poll(nullptr, 0, 5);
  }
  CHECK(is_gone);
}

TEST_CASE("the time limit is asked of the clock that is given, not of the machine's") {
  HookProcess hook("sleep 100", 10s);
  const auto begun = test::at(1h);
  REQUIRE(hook.start(begun, received("x")));
  CHECK(hook.deadline() == begun + 10s);
  hook.handle_timeout(begun + 10s - 1ns);
  pollfd ended{hook.fd(), POLLIN, 0};
  CHECK(::poll(&ended, 1, 20) == 0);
  hook.handle_timeout(begun + 10s);
  CHECK(::poll(&ended, 1, 10'000) == 1);
  CHECK(hook.finish().complaint() == "took too long and was killed");
}

TEST_CASE("a command left running is killed when its owner goes") {
  const TempFolder folder;
  const std::string file = (folder / "pid").string();
  int pid = 0;
  {
    HookProcess hook("echo $$ > " + file + "; sleep 100", 10s);
    REQUIRE(hook.start(monotonic_now(), received("x")));
    while (test::read_text(file).empty()) ::poll(nullptr, 0, 1);
    pid = std::stoi(test::read_text(file));
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("a command starts with signals as at login, whatever ours are") {
  const TempFolder folder;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  HookProcess hook("grep -E '^Sig(Blk|Ign)' /proc/self/status > " + (folder / "seen").string(),
                   10s);
  const std::string how = run(hook, received("x"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(how == "");
  const std::string seen = test::read_text(folder / "seen");
  CHECK(seen.find("SigBlk:\t0000000000000000") != seen.npos);
  // SIGPIPE, the 13th, is not ignored: pipes in the command end as the user expects.
  const auto ignored = std::stoull(seen.substr(seen.find("SigIgn:\t") + 8), nullptr, 16);
  CHECK((ignored & (1ULL << 12)) == 0);
}

peer::HookEnd answer(std::string command) {
  HookProcess hook(std::move(command), 10s);
  peer::Received question = received("status?");
  question.is_question = true;
  REQUIRE(hook.start(monotonic_now(), question));
  for (bool has_ended = false; !has_ended;) {
    pollfd fds[] = {{hook.fd(), POLLIN, 0}, {hook.answer_fd(), POLLIN, 0}};
    REQUIRE(::poll(fds, 2, 10'000) > 0);
    if (fds[1].revents != 0) hook.read_answer();
    has_ended = fds[0].revents != 0;
  }
  return hook.finish();
}

TEST_CASE("an answer is what the command writes, however it opens its output") {
  CHECK(answer("cat").output == "status?\n");
  CHECK(answer("echo one > /dev/stdout; echo two >> /dev/stdout").output == "one\ntwo\n");
  CHECK(answer("echo beside >&2").output == "");
  CHECK(answer("echo gone; exit 3").status == 3);
  const std::string binary("\0\xff\n", 3);
  CHECK(answer("printf '\\000\\377\\n'").output == binary);
}

TEST_CASE("an answer has 64 KiB at most, and who writes more does not succeed") {
  CHECK(answer("head -c 65536 /dev/zero").output.size() == 65'536);
  const auto more = answer("head -c 65537 /dev/zero");
  CHECK(more.output.size() == 65'536);
  CHECK(more.complaint() == "was killed by signal 13");
  CHECK(answer("yes").complaint() == "was killed by signal 13");
}

TEST_CASE("what the command leaves running holds nothing up") {
  const auto begun = monotonic_now();
  // It keeps the answer's pipe open, and not our standard error, which whoever runs us reads.
  CHECK(answer("sleep 100 2>/dev/null & echo done").output == "done\n");
  CHECK(monotonic_now() - begun < 50s);
}

}  // namespace
