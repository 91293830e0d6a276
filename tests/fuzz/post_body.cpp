// POST bodies through the HTTP core, one a line: the caller's address, his program, his token and
// what comes of the change, a character each, then the body.
#include <array>
#include <deque>
#include <nlohmann/json.hpp>

#include "common/classic_record.hpp"
#include "registry/http/http_api.hpp"
#include "tests/fuzz/support/directory_rules.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::IpAddress;
using registry::http::ApiRequest;
using registry::http::ApiResponse;
using registry::http::ApiResult;
using registry::http::HeldResponse;
using registry::http::ParkedRequest;
using registry::http::Program;

const std::array<const char*, 5> kSources = {"127.0.0.1", "10.0.0.5", "10.0.0.6", "203.0.113.9",
                                             "2001:db8::7"};
constexpr std::array kPrograms = {Program::kModern, Program::kOldClassic, Program::kOldNetchat};
constexpr std::array<std::string_view, 4> kTokens = {
    "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "not a token"};

class Registry {
 public:
  Registry()
      : directory_({}, random_),
        hub_(directory_),
        api_({}, directory_, hub_, {}, [] { return std::string(); }) {}

  void run(fuzz::ScriptLine line, bool is_last) {
    const IpAddress source = *IpAddress::parse(kSources[line.number(kSources.size())]);
    const Program program = kPrograms[line.number(kPrograms.size())];
    const std::string_view token = kTokens[line.number(kTokens.size())];
    const bool is_json = line.flag();
    fate_ = line.number(4);
    const std::string body = line.text();
    ApiRequest request{.method = "POST",
                       .path = "/userlist.txt",
                       .query = {},
                       .body = body,
                       .program = program,
                       .source = source,
                       .local = IpAddress::v4({192, 0, 2, 10}),
                       .accept = is_json ? "application/json" : "",
                       .owner_token = std::string(token),
                       .host = "localhost:8080"};
    now_ += fate_ == 3 ? 61s : 1s;
    const registry::Version version = directory_.version();
    post(request);
    fuzz::ensure_directory_rules(directory_);
    // Lists stay as they are while nothing changes, and long ones take long to check.
    constexpr std::size_t kLongList = 8;
    const bool has_changed = directory_.version() != version;
    if (!is_last && (!has_changed || directory_.size() > kLongList)) return;
    fuzz::ensure_lists(directory_);
    get_old_list();
  }

 private:
  void post(const ApiRequest& request) {
    ApiResult result = api_.handle(now_, wall_, request);
    if (std::holds_alternative<ParkedRequest>(result)) {
      // Nothing is changing here between two requests, so only a probe can be waited for.
      const auto probe = directory_.poll_probe();
      ENSURE(probe && probe->key == std::get<ParkedRequest>(result).key);
      directory_.handle_probe_result(now_, probe->key, fate_ != 1);
      ENSURE(directory_.poll_settled() == probe->key);
      result = api_.handle(now_, wall_, request);
      ENSURE(!std::holds_alternative<ParkedRequest>(result));
    }
    const registry::Version before = directory_.version();
    if (const auto* held = std::get_if<HeldResponse>(&result)) {
      check_response(held->response);
      ENSURE(held->response.status == 200);
      settle_change(held->change, request.body);
    } else {
      const auto& response = std::get<ApiResponse>(result);
      check_response(response);
      ENSURE(!directory_.poll_change());
      if (response.status == 200) check_listed(request.body);
      ENSURE(directory_.version() == before);
    }
  }

  void settle_change(registry::ChangeId id, std::string_view body) {
    const auto change = directory_.poll_change();
    ENSURE(change && change->id == id && !directory_.poll_change());
    if (fate_ == 2) {
      const registry::Version before = directory_.version();
      directory_.handle_failed(now_, id);
      ENSURE(directory_.version() == before);
    } else {
      directory_.handle_committed(now_, id, directory_.version() + 1);
      check_listed(body);
    }
    ENSURE(directory_.poll_settled() == change->record.user.name.key());
    ENSURE(!directory_.is_busy(change->record.user.name.key()));
  }

  /// After success the directory is as the body asked.
  void check_listed(std::string_view body) const {
    while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
    const std::string_view verb = body.substr(0, body.find(' '));
    const auto wanted = common::parse_classic_record(body.substr(verb.size() + 1));
    ENSURE(wanted.has_value());
    const registry::Record* found = directory_.find(wanted->name);
    if (verb == "LOGOUT") {
      ENSURE(found == nullptr);
    } else {
      ENSURE(verb == "REGISTER" || verb == "UPDATE");
      ENSURE(found && found->user.name.text() == wanted->name.text());
      ENSURE(found->user.endpoint == wanted->endpoint);
    }
  }

  static void check_response(const ApiResponse& response) {
    constexpr std::array kStatuses = {200, 400, 406, 503};
    ENSURE(std::find(kStatuses.begin(), kStatuses.end(), response.status) != kStatuses.end());
    ENSURE((response.body == nullptr) == response.content_type.empty());
    if (!response.body) return;
    fuzz::ensure_harmless_lines(*response.body);
    if (response.content_type == "application/json") ENSURE(nlohmann::json::accept(*response.body));
  }

  void get_old_list() {
    ApiRequest request{.method = "GET", .path = "/userlist.txt", .query = {}, .body = {}};
    request.program = Program::kOldClassic;
    request.source = IpAddress::v4({127, 0, 0, 1});
    request.host = "localhost";
    const ApiResult result = api_.handle(now_, wall_, request);
    const auto& response = std::get<ApiResponse>(result);
    if (response.status != 200) {
      ENSURE(response.status == 400);
      return fuzz::ensure_old_list(directory_, "HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    // The head as the engine writes it; http_engine's target holds the engine to it.
    const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(response.body->size()) +
                             "\r\nContent-Type: text/plain\r\n\r\n";
    fuzz::ensure_old_list(directory_, head + *response.body);
  }

  fuzz::SplitmixRandom random_;
  registry::Directory directory_;
  registry::Hub hub_;
  registry::http::HttpApi api_;
  common::TimePoint now_;
  common::WallTime wall_{1'700'000'000'000};
  std::size_t fate_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kRequestsMax = 48;
  std::string_view rest = fuzz::as_input(data, size);
  Registry registry;
  for (int i = 0; i < kRequestsMax && !rest.empty(); ++i) {
    const std::string line = "p" + std::string(fuzz::take_line(rest));
    registry.run(fuzz::ScriptLine(line), rest.empty() || i == kRequestsMax - 1);
  }
  return 0;
}
