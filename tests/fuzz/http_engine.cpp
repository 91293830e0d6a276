// Any bytes through framing, HTTP library and HTTP core together: each accepted request gets
// exactly one well-formed answer, and its target is understood as the URI rules say.
#include "registry/http/http_engine.hpp"

#include <algorithm>
#include <set>

#include "registry/http/short_way.hpp"
#include "tests/fuzz/support/directory_rules.hpp"
#include "tests/fuzz/support/http_answer.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::IpAddress;
using registry::http::ApiRequest;
using registry::http::ApiResponse;
using registry::http::EngineAnswer;
using registry::http::FramedRequest;
using registry::http::HttpFraming;
using Query = std::vector<std::pair<std::string, std::string>>;

constexpr std::uint16_t kOwnPort = 8080;
const IpAddress kSource = IpAddress::v4({127, 0, 0, 1});
const IpAddress kLocal = IpAddress::v4({127, 0, 0, 1});

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// RFC 3986 2.1; nothing if a percent sign is not followed by two digits, which has no one meaning.
std::optional<std::string> decode_percent(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' && plus_is_blank ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
      return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

/// The query as HTML forms write it, without exact repeats; nothing if it has no one meaning.
std::optional<Query> decode_query(std::string_view text) {
  Query query;
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view item = text.substr(0, end);
    const auto equals = item.find('=');
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (!seen.insert(item).second) continue;
    // The library takes what follows the last of several equals signs for the value.
    if (equals == item.npos || equals == 0 || item.rfind('=') != equals) return std::nullopt;
    const auto key = decode_percent(item.substr(0, equals), true);
    const auto value = decode_percent(item.substr(equals + 1), true);
    if (!key || !value) return std::nullopt;
    query.emplace_back(*key, *value);
  }
  // The first of two values of one name counts, so their order does, and no other.
  std::stable_sort(query.begin(), query.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return query;
}

void check_target(std::string_view target, const ApiRequest& parsed) {
  const auto question = target.find('?');
  // No client sends a fragment, and the library ends a query at a second question mark.
  if (target.find('#') != target.npos || target.rfind('?') != question) return;
  const auto path = decode_percent(target.substr(0, question), false);
  if (path) ENSURE(parsed.path == *path);
  const auto query = question == target.npos ? Query{} : decode_query(target.substr(question + 1));
  if (query) ENSURE(parsed.query == *query);
}

/// A registry with three users; its store takes every change at once.
class Registry {
 public:
  Registry()
      : directory_({}, random_),
        hub_(directory_),
        api_({}, directory_, hub_, {}, [] { return std::string("up 1\n"); }) {
    for (const char* name : {"ann", "bob", "Göktuğ"}) {
      std::string body = std::string("REGISTER ") + name + "@127.0.0.1:50001";
      ApiRequest request{.method = "POST", .path = "/", .query = {}, .body = body};
      request.source = kSource;
      ENSURE(answer(request).status == 200);
    }
  }

  void run(std::string_view input) {
    common::TimePoint now;
    HttpFraming framing(now, kOwnPort);
    framing.handle_bytes(now, input);
    framing.handle_end(now);
    for (int i = 0; i < 64; ++i) {
      const auto state = framing.poll(now);
      if (state == HttpFraming::State::kSendContinue) continue;
      if (state == HttpFraming::State::kError) return refuse(framing.error());
      if (state != HttpFraming::State::kRequest) return;
      run_request(framing.request());
      if (!framing.request().keep_alive) return;
      framing.consume(now);
    }
  }

 private:
  /// Larger than any list of three users: bodies of this size go a way of their own.
  static ApiResponse large_answer() {
    static const auto body = std::make_shared<const std::string>(40'000, 'x');
    return {.status = 200, .content_type = "text/plain", .body = body, .headers = {}};
  }

  ApiResponse answer(const ApiRequest& request) {
    if (request.path == "/large") return large_answer();
    auto result = api_.handle(now_, common::WallTime{1}, request);
    if (auto* held = std::get_if<registry::http::HeldResponse>(&result)) {
      const auto change = directory_.poll_change();
      ENSURE(change && change->id == held->change);
      directory_.handle_committed(now_, change->id, directory_.version() + 1);
      return std::move(held->response);
    }
    if (std::holds_alternative<registry::http::AwaitedDelivery>(result)) {
      while (const auto transmit = hub_.poll_transmit())
        hub_.handle_outcome(transmit->delivery, registry::DeliveryOutcome::kSent);
      return api_.delivered(request, hub_.poll_result().value().outcome);
    }
    ENSURE(std::holds_alternative<ApiResponse>(result));  // nothing is old enough to be probed
    return std::get<ApiResponse>(std::move(result));
  }

  fuzz::HttpAnswer run_engine(const FramedRequest& request,
                              const registry::http::HttpEngine::Handler& handler) {
    static registry::http::HttpEngine engine;
    const EngineAnswer answer = engine.run(request, kSource, kLocal, request.keep_alive, handler);
    const std::string bytes = answer.head + (answer.body ? *answer.body : std::string());
    return fuzz::ensure_one_answer(bytes, request.method);
  }

  void run_request(const FramedRequest& request) {
    std::string ready = ready_answer(request);
    const auto short_post = registry::http::read_short_post(request, kSource, kLocal);
    int calls = 0;
    ApiResponse given;
    const fuzz::HttpAnswer answered = run_engine(request, [&](const ApiRequest& parsed) {
      ++calls;
      if (short_post) check_same_reading(*short_post, parsed);
      ENSURE(parsed.method == request.method && parsed.body == request.body);
      check_target(request.target, parsed);
      given = answer(parsed);
      return given;
    });
    ENSURE(calls <= 1);
    if (short_post) {
      ENSURE(calls == 1);
      ready = registry::http::write_short(given, request.keep_alive).value_or("");
    }
    if (calls == 0) {
      ENSURE(answered.status >= 400 && answered.status < 500);
    } else {
      ENSURE(answered.status == given.status);
      if (given.body && request.method != "HEAD") ENSURE(answered.body == *given.body);
    }
    if (!request.keep_alive) ENSURE(answered.field("Connection") == "close");
    fuzz::ensure_directory_rules(directory_);
    if (request.method == "POST") fuzz::ensure_lists(directory_);
    if (!ready.empty()) check_ready(ready, answered);
    if (registry::http::is_old(request.program)) check_old_answer(request, answered);
  }

  /// The answer that is made without the library, for the requests that have one; else empty.
  std::string ready_answer(const FramedRequest& request) {
    const char* end = request.keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    if (const auto* list = api_.ready_list(request, kSource, kLocal))
      return list->plain_head + end + *list->body;
    if (const auto lookup = api_.ready_lookup(request, kSource, kLocal))
      return lookup->head + end + lookup->body;
    return {};
  }

  // What is read without the library is what the library reads.
  static void check_same_reading(const ApiRequest& quick, const ApiRequest& parsed) {
    ENSURE(quick.method == parsed.method && quick.path == parsed.path);
    ENSURE(parsed.query.empty() && quick.body == parsed.body);
    ENSURE(quick.program == parsed.program && quick.host == parsed.host);
    ENSURE(quick.accept == parsed.accept && quick.origin == parsed.origin);
    ENSURE(quick.owner_token == parsed.owner_token);
    ENSURE(quick.sec_fetch_site == parsed.sec_fetch_site);
  }

  // The short way answers as the long one does, but for the library's advice on keeping alive.
  static void check_ready(const std::string& bytes, const fuzz::HttpAnswer& answered) {
    const fuzz::HttpAnswer quick = fuzz::ensure_one_answer(bytes, "GET");
    ENSURE(quick.status == answered.status && quick.body == answered.body);
    for (const char* name : {"Content-Type", "Content-Length", "Cache-Control", "ETag", "Vary",
                             "X-Content-Type-Options", "Connection"})
      ENSURE(quick.field(name) == answered.field(name));
    for (const auto& [name, value] : answered.fields)
      ENSURE(name == "Keep-Alive" || quick.field(name) == value);
  }

  // The head of an old program's list is what the reckoning of its 2,048 bytes takes it for.
  static void check_old_answer(const FramedRequest& request, const fuzz::HttpAnswer& answered) {
    if (answered.status != 200 || request.method != "GET" || request.target != "/userlist.txt")
      return;
    const Query expected = {{"Connection", "close"},
                            {"Content-Length", std::to_string(answered.body.size())},
                            {"Content-Type", "text/plain"}};
    ENSURE(answered.fields == expected);
  }

  void refuse(registry::http::FramingError error) {
    const FramedRequest nothing{
        .method = "GET", .target = "/", .fields = {}, .body = {}, .keep_alive = false};
    const fuzz::HttpAnswer answered = run_engine(
        nothing, [&](const ApiRequest&) { return registry::http::HttpApi::framing_error(error); });
    ENSURE(answered.status == static_cast<int>(error));
  }

  fuzz::SplitmixRandom random_;
  registry::Directory directory_;
  registry::Hub hub_;
  registry::http::HttpApi api_;
  common::TimePoint now_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Registry registry;
  registry.run(fuzz::as_input(data, size));
  return 0;
}
