#include "tests/sim/registry_host.hpp"

#include <algorithm>

namespace sim {
namespace {

using common::unexpected;
using peer::ExchangeFailure;
using registry::http::ApiRequest;
using registry::http::ApiResponse;
using FailureKind = ExchangeFailure::Kind;

/// What a client waits before it gives a silent registry up.
constexpr Duration kClientTimeout = std::chrono::seconds(3);
constexpr Duration kRebuildAfter = std::chrono::seconds(1);

int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() + 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view field(const peer::HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (key == name) return value;
  return {};
}

/// What the engine makes of our own client's requests.
ApiRequest to_api(const Client& client, const peer::HttpRequest& request) {
  ApiRequest api;
  api.method = request.method;
  const auto question = request.target.find('?');
  api.path = request.target.substr(0, question);
  if (question != std::string::npos) {
    const std::string query = request.target.substr(question + 1);
    const auto equals = query.find('=');
    api.query.emplace_back(query.substr(0, equals), percent_decode(query.substr(equals + 1)));
  }
  api.body = request.body;
  api.program = client.program;
  api.source = client.host;
  api.accept = field(request, "Accept");
  api.if_none_match = field(request, "If-None-Match");
  api.owner_token = field(request, "Owner-Token");
  return api;
}

peer::HttpAnswer to_answer(const ApiResponse& response) {
  peer::HttpAnswer answer{.status = response.status,
                          .is_json = response.content_type == "application/json",
                          .etag = {},
                          .body = response.body ? *response.body : std::string()};
  for (const auto& [name, value] : response.headers)
    if (name == "ETag") answer.etag = value;
  return answer;
}

}  // namespace

RegistryHost::RegistryHost(Scheduler& scheduler, Network& network, common::Random& random,
                           common::IpAddress address, registry::DirectoryRules rules)
    : scheduler_(scheduler), network_(network), random_(random), address_(address), rules_(rules) {}

void RegistryHost::start() {
  ENSURE(node_ == nullptr);
  ++incarnation_;
  is_broken_ = is_committing_ = false;
  batch_.clear();
  node_ = std::make_unique<registry::Node>(registry::NodeOptions{.rules = rules_, .hosts = {}},
                                           random_, [] { return std::string(); });
  node_->directory().load(scheduler_.now(), disk_.records, disk_.version, disk_.keys);
  schedule_timer();
}

void RegistryHost::crash() {
  node_.reset();
  ++incarnation_;
  auto broken = std::exchange(waiting_, {});
  // In the order of their tickets: the map's own order must not reach the trace.
  std::vector<registry::Node::Ticket> tickets;
  for (const auto& [ticket, waiting] : broken) tickets.push_back(ticket);
  std::sort(tickets.begin(), tickets.end());
  for (const auto ticket : tickets) {
    scheduler_.after(network_.delay(), [done = broken.at(ticket).done] {
      done(unexpected{ExchangeFailure{FailureKind::kUnreachable, "connection reset"}});
    });
  }
}

void RegistryHost::exchange(const Client& client, const peer::HttpRequest& request, Done done) {
  scheduler_.after(network_.delay(), [this, client, request, done = std::move(done)] {
    if (node_ == nullptr)
      return done(unexpected{ExchangeFailure{FailureKind::kUnreachable, "connection refused"}});
    if (network_.is_cut(client.host) || network_.is_cut(address_)) {
      return scheduler_.after(kClientTimeout, [done] {
        done(unexpected{ExchangeFailure{FailureKind::kUnreachable, "timed out"}});
      });
    }
    arrive(client, request, done);
  });
}

void RegistryHost::flood(const Client& client, const peer::HttpRequest& request, unsigned copies) {
  scheduler_.after(network_.delay(), [this, client, request, copies] {
    for (unsigned copy = 0; copy < copies && node_ != nullptr; ++copy)
      arrive(client, request, [](Answer) {});
  });
}

void RegistryHost::arrive(const Client& client, const peer::HttpRequest& request, Done done) {
  handle(++last_ticket_, {client, request, std::move(done), std::nullopt});
}

void RegistryHost::handle(registry::Node::Ticket ticket, Waiting waiting) {
  const auto result = node_->handle(scheduler_.now(), common::WallTime{}, ticket,
                                    to_api(waiting.client, waiting.request));
  if (const auto* response = std::get_if<ApiResponse>(&result)) {
    reply(std::move(waiting), *response);
  } else {
    if (const auto* held = std::get_if<registry::http::HeldResponse>(&result))
      waiting.held = held->response;
    waiting_.emplace(ticket, std::move(waiting));
  }
  flush();
}

void RegistryHost::reply(Waiting waiting, const ApiResponse& response) {
  const bool is_claim = waiting.request.method == "POST" && response.status == 200 &&
                        !waiting.request.body.starts_with("LOGOUT");
  if (is_claim && on_heard) on_heard(waiting.request.body);
  scheduler_.after(
      network_.delay(), [this, waiting = std::move(waiting), answer = to_answer(response)] {
        if (network_.is_cut(waiting.client.host) || network_.is_cut(address_)) {
          return scheduler_.after(kClientTimeout, [done = waiting.done] {
            done(unexpected{ExchangeFailure{FailureKind::kUnreachable, "no answer in time"}});
          });
        }
        waiting.done(answer);
      });
}

// Does what the node asks of its shells.
void RegistryHost::flush() {
  while (const auto event = node_->poll_event())
    if (on_event) on_event(*event);
  while (auto change = node_->poll_change()) batch_.push_back(*std::move(change));
  if (!batch_.empty() && !std::exchange(is_committing_, true)) {
    scheduler_.after(std::chrono::milliseconds(1 + random_.below(20)),
                     [this, incarnation = incarnation_] {
                       if (incarnation == incarnation_) commit_batch();
                     });
  }
  while (const auto probe = node_->poll_probe()) {
    // A refusal comes back at once; silence, or a lost refusal, after the prober's patience.
    const bool refused = !network_.is_bound(probe->endpoint) &&
                         !network_.is_cut(probe->endpoint.address) &&
                         !network_.happens(network_.faults().loss_percent);
    scheduler_.after(refused ? network_.delay() : Duration(std::chrono::milliseconds(500)),
                     [this, key = probe->key, refused, incarnation = incarnation_] {
                       if (incarnation != incarnation_) return;
                       node_->handle_probe_result(scheduler_.now(), key, refused);
                       flush();
                     });
  }
  while (const auto release = node_->poll_release()) {
    auto found = waiting_.extract(release->ticket);
    if (found.empty()) {
      if (release->kind == registry::Node::Release::Kind::kRerun) node_->abandon(release->ticket);
      continue;
    }
    Waiting waiting = std::move(found.mapped());
    switch (release->kind) {
      case registry::Node::Release::Kind::kCommitted: {
        const ApiResponse held = *waiting.held;
        reply(std::move(waiting), held);
        break;
      }
      case registry::Node::Release::Kind::kFailed: {
        const ApiResponse down = node_->api().store_down(to_api(waiting.client, waiting.request));
        reply(std::move(waiting), down);
        break;
      }
      case registry::Node::Release::Kind::kRerun:
        handle(release->ticket, std::move(waiting));
        break;
      case registry::Node::Release::Kind::kDelivered: {
        const ApiResponse told =
            node_->api().delivered(to_api(waiting.client, waiting.request), release->outcome);
        reply(std::move(waiting), told);
        break;
      }
    }
  }
}

void RegistryHost::commit_batch() {
  const std::vector<registry::Change> batch = std::exchange(batch_, {});
  is_committing_ = false;
  const bool fails = is_disk_failing_ || is_broken_;
  if (fails) {
    std::vector<registry::ChangeId> ids;
    for (const auto& change : batch) ids.push_back(change.id);
    if (!is_broken_ && random_.below(2) == 0) {
      // An I/O error: nobody knows what is on the disk until it has been written anew.
      is_broken_ = true;
      node_->set_store_up(false);
      if (random_.below(2) == 0)
        for (const auto& change : batch) write_to_disk(change);
      scheduler_.after(kRebuildAfter, [this, incarnation = incarnation_] {
        if (incarnation != incarnation_) return;
        disk_ = {node_->directory().snapshot(), node_->directory().version(),
                 node_->directory().keys().snapshot()};
        is_broken_ = false;
        node_->set_store_up(true);
      });
    }
    node_->handle_failed(scheduler_.now(), ids);
    return flush();
  }
  std::vector<std::pair<registry::ChangeId, registry::Version>> committed;
  for (const auto& change : batch) {
    write_to_disk(change);
    committed.emplace_back(change.id, disk_.version);
  }
  // Durable now; the node hears of it a little later, or never if it is killed in between.
  scheduler_.after(std::chrono::microseconds(random_.below(1000)),
                   [this, committed, incarnation = incarnation_] {
                     if (incarnation != incarnation_) return;
                     node_->handle_committed(scheduler_.now(), committed);
                     flush();
                   });
}

void RegistryHost::write_to_disk(const registry::Change& change) {
  if (change.key || change.kind == registry::Change::Kind::kPut) {
    std::erase_if(disk_.keys, [&](const registry::NameKey& held) {
      return held.name == change.record.user.name;
    });
  }
  if (change.key) disk_.keys.push_back(*change.key);
  registry::Record record = change.record;
  const std::string& key = record.user.name.key();
  const auto held =
      std::find_if(disk_.records.begin(), disk_.records.end(),
                   [&](const registry::Record& other) { return other.user.name.key() == key; });
  ++disk_.version;
  if (change.kind == registry::Change::Kind::kErase) {
    if (held != disk_.records.end() && held->id == record.id) disk_.records.erase(held);
    return;
  }
  record.version = disk_.version;
  if (record.order == 0) record.order = disk_.version;
  if (held != disk_.records.end()) {
    *held = std::move(record);
  } else {
    disk_.records.push_back(std::move(record));
  }
}

void RegistryHost::schedule_timer() {
  scheduler_.after(std::chrono::milliseconds(100), [this, incarnation = incarnation_] {
    if (incarnation != incarnation_) return;
    if (const auto due = node_->next_timeout(); due && *due <= scheduler_.now())
      node_->handle_timeout(scheduler_.now());
    flush();
    schedule_timer();
  });
}

}  // namespace sim
