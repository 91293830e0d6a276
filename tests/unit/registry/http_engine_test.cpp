// cpp-httplib in memory: what its answers look like, and what it must not be able to do.
#include "registry/http/http_engine.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using registry::http::ApiRequest;
using registry::http::ApiResponse;
using registry::http::HttpEngine;
using registry::http::HttpFraming;
using test::Answer;
using test::modern;

std::shared_ptr<const std::string> share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// Frames the bytes, runs the handler and returns the answer as one text.
std::string run(std::string_view bytes, const HttpEngine::Handler& handler,
                bool* body_is_shared = nullptr) {
  HttpFraming framing(test::at({}), 8080);
  framing.handle_bytes(test::at({}), bytes);
  auto state = framing.poll(test::at({}));
  if (state == HttpFraming::State::kSendContinue) state = framing.poll(test::at({}));
  REQUIRE(state == HttpFraming::State::kRequest);
  HttpEngine engine;
  const auto answer = engine.run(framing.request(), test::ip("127.0.0.1"), test::ip("127.0.0.1"),
                                 framing.request().keep_alive, handler);
  if (body_is_shared != nullptr) *body_is_shared = answer.body != nullptr;
  return answer.body ? answer.head + *answer.body : answer.head;
}

std::string run_with(std::string_view bytes, ApiResponse response) {
  return run(bytes, [&](const ApiRequest&) { return response; });
}

ApiResponse text(std::string body) {
  return {
      .status = 200, .content_type = "text/plain", .body = share(std::move(body)), .headers = {}};
}

TEST_CASE("head and body are one answer, with the length of the body") {
  const Answer answer(run_with(modern("GET", "/"), text("hello")));
  CHECK(answer.head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.field("Content-Length") == "5");
  CHECK(answer.field("Content-Type") == "text/plain");
  CHECK(answer.field("Connection") != "close");
  CHECK(answer.body == "hello");
}

TEST_CASE("an answer without a body says so") {
  const Answer answer(run_with(modern("POST", "/"), {.status = 200}));
  CHECK(answer.field("Content-Length") == "0");
  CHECK(answer.body == "");
}

TEST_CASE("the last answer of a connection says close") {
  CHECK(Answer(run_with(modern("GET", "/", "Connection: close\r\n"), text("x")))
            .field("Connection") == "close");
  CHECK(Answer(run_with("GET / HTTP/1.0\r\n\r\n", text("x"))).field("Connection") == "close");
  CHECK(Answer(run_with("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", text("x")))
            .field("Connection") == "keep-alive");
}

TEST_CASE("a large body is referred to, not copied, and whole") {
  for (const std::size_t size : {0u, 1u, 16'383u, 16'384u, 100'000u, 5'000'000u}) {
    CAPTURE(size);
    const std::string body(size, 'x');
    bool is_shared = false;
    const auto response = text(body);
    const Answer answer(run(
        modern("GET", "/"), [&](const ApiRequest&) { return response; }, &is_shared));
    CHECK(answer.body == body);
    CHECK(answer.field("Content-Length") == std::to_string(size));
    CHECK(is_shared == (size >= 16'384));
  }
}

TEST_CASE("HEAD is the same head without the body, small or large") {
  for (const std::size_t size : {5u, 100'000u}) {
    CAPTURE(size);
    const Answer get(run_with(modern("GET", "/"), text(std::string(size, 'x'))));
    const Answer head(run_with(modern("HEAD", "/"), text(std::string(size, 'x'))));
    CHECK(head.body == "");
    CHECK(head.field("Content-Length") == std::to_string(size));
    CHECK(head.head == get.head);
  }
}

TEST_CASE("the handler is given the request as it was meant") {
  std::string seen;
  run("POST /a%20b?x=1&y=%C5%9F&z=a+b HTTP/1.1\r\nHost: h:1\r\nAccept: application/json\r\n"
      "If-None-Match: \"5\"\r\nOrigin: http://o\r\nOwner-Token: t%41\r\n"
      "Sec-Fetch-Site: none\r\nContent-Length: 4\r\n\r\nbody",
      [&](const ApiRequest& request) {
        seen = request.method + ' ' + request.path;
        for (const auto& [key, value] : request.query) seen += ' ' + key + '=' + value;
        const std::string_view fields[] = {
            request.body,   request.accept,      request.host,          request.if_none_match,
            request.origin, request.owner_token, request.sec_fetch_site};
        for (const std::string_view view : fields) seen += " [" + std::string(view) + ']';
        return ApiResponse{};
      });
  // Field values are not percent-decoded: a token with %41 is no other token.
  CHECK(seen ==
        "POST /a b x=1 y=ş z=a b [body] [application/json] [h:1] [\"5\"] [http://o] [t%41] "
        "[none]");
}

TEST_CASE("ranges are not served: they would send a body many times over") {
  for (const std::size_t size : {100u, 100'000u}) {
    std::string ranges = "Range: bytes=0-";
    for (int i = 0; i < 100; ++i) ranges += ",0-";
    const std::string answer =
        run_with(modern("GET", "/", ranges + "\r\n"), text(std::string(size, 'x')));
    CHECK(Answer(answer).status == 200);
    CHECK(answer.size() < size + 500);
    CHECK(Answer(run_with(modern("GET", "/", "Range: bytes=0-1\r\n"), text(std::string(size, 'x'))))
              .body.size() == size);
  }
}

TEST_CASE("nothing is compressed, whatever the client accepts") {
  const Answer answer(run_with(modern("GET", "/", "Accept-Encoding: gzip, br, deflate\r\n"),
                               text(std::string(100'000, 'x'))));
  CHECK(answer.field("Content-Encoding") == "(none)");
  CHECK(answer.field("Transfer-Encoding") == "(none)");
  CHECK(answer.body.size() == 100'000);
}

TEST_CASE("a field that the library would act on by itself is not shown to it") {
  const Answer answer(run_with(modern("POST", "/", "Expect: 100-continue\r\n", ""), text("x")));
  CHECK(answer.head.find("100 Continue") == std::string::npos);
  CHECK(answer.status == 200);
  CHECK(Answer(run_with("POST / HTTP/1.1\r\nHost: h:1\r\nUser-Agent: t\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                        text("x")))
            .status == 200);
}

TEST_CASE("a request that the library does not understand is answered 400 without the handler") {
  bool asked = false;
  const Answer answer(run(modern("BREW", "/"), [&](const ApiRequest&) {
    asked = true;
    return ApiResponse{};
  }));
  CHECK(answer.status == 400);
  CHECK_FALSE(asked);
}

TEST_CASE("an exception's text does not reach the client") {
  const Answer answer(run(modern("GET", "/"), [](const ApiRequest&) -> ApiResponse {
    throw std::runtime_error("secret");
  }));
  CHECK(answer.status == 500);
  CHECK(answer.head.find("secret") == std::string::npos);
  CHECK(answer.body.find("secret") == std::string::npos);
}

TEST_CASE("an old program's head has nothing that it does not need") {
  CHECK(run_with(test::kD0List, text("x")) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n"
        "Content-Type: text/plain\r\n\r\nx");
  CHECK(run_with(test::d0_post("REGISTER a@127.0.0.1:50001"), {.status = 200}) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("one engine serves many requests, each by itself") {
  HttpEngine engine;
  for (int i = 0; i < 100; ++i) {
    HttpFraming framing(test::at({}), 8080);
    framing.handle_bytes(test::at({}), modern("GET", "/" + std::to_string(i)));
    REQUIRE(framing.poll(test::at({})) == HttpFraming::State::kRequest);
    const auto answer = engine.run(framing.request(), {}, {}, true, [](const ApiRequest& request) {
      return ApiResponse{
          .status = 200, .content_type = "text/plain", .body = share(request.path), .headers = {}};
    });
    CHECK(Answer(answer.head).body == "/" + std::to_string(i));
  }
}

TEST_CASE("the longest target that framing lets through is understood by the library too") {
  const std::string begin = "GET /";
  const std::string end = " HTTP/1.1\r\nHost: h:1\r\n\r\n";
  for (const std::size_t head : {1000u, 8000u, 8192u}) {
    CAPTURE(head);
    const std::string bytes = begin + std::string(head - begin.size() - end.size(), 'x') + end;
    const Answer answer(run_with(bytes, text("x")));
    CHECK((answer.status == 200 || answer.status == 414));
  }
}

}  // namespace
