#include "peer/shell/registry_requests.hpp"

#include <fmt/format.h>

#include "peer/shell/host_addresses.hpp"
#include "peer/shell/registry_worker.hpp"

namespace peer {

RegistryRequests::RegistryRequests(common::HostPort registry,
                                   std::optional<common::HostPort> advertise)
    : client_(std::move(registry)),
      advertise_(std::move(advertise)),
      thread_([this](const Request& request) { return work(request); }) {}

RegistryRequests::~RegistryRequests() { client_.cancel(); }

bool RegistryRequests::stop_within(common::Duration time) {
  client_.cancel();
  return thread_.stop_within(time);
}

void RegistryRequests::push(Request request) {
  ENSURE(waiting_.size() + (is_busy_ ? 1 : 0) < Conversation::kRegistryRequestsMax);
  if (is_busy_) {
    waiting_.push_back(std::move(request));
  } else {
    is_busy_ = true;
    thread_.start(std::move(request));
  }
}

std::optional<RegistryRequests::Answer> RegistryRequests::take_answer() {
  auto answer = thread_.take_result();
  if (!answer) return std::nullopt;
  is_busy_ = !waiting_.empty();
  if (is_busy_) {
    thread_.start(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return answer;
}

RegistryRequests::Answer RegistryRequests::work(const Request& request) {
  // Anew each time: a kept connection may be long dead, and its address that of another network.
  client_.disconnect();
  if (!request.own_port) return {.own = {}, .answer = client_.exchange(request.request)};
  const auto local = client_.connect();
  if (!local) return {.own = {}, .answer = common::unexpected{local.error()}};
  common::Endpoint own{*local, *request.own_port};
  if (advertise_) {
    const auto address = resolve_host(advertise_->host, *local);
    if (!address) {
      return {.own = own,
              .answer = common::unexpected{
                  ExchangeFailure{ExchangeFailure::Kind::kUnreachable,
                                  fmt::format("cannot find the host {}", advertise_->host)}}};
    }
    own.address = *address;
    if (advertise_->port != 0) own.port = advertise_->port;
  }
  HttpRequest whole = request.request;
  whole.body += common::format_endpoint(own);
  return {.own = own, .answer = client_.exchange(whole)};
}

}  // namespace peer
