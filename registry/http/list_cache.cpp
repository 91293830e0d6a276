#include "registry/http/list_cache.hpp"

#include <fmt/format.h>

#include "registry/http/limits.hpp"

namespace registry::http {
namespace {

std::string etag_of(Version version, ListForm form, const View& view) {
  const char* form_letter = form == ListForm::kJson ? "j" : form == ListForm::kLines ? "l" : "c";
  std::string etag = fmt::format("\"{}{}", version, form_letter);
  if (view.loopback_as) etag += "-" + view.loopback_as->to_string();
  if (view.gateway_at && view.gateway_at != view.loopback_as)
    etag += "+" + view.gateway_at->to_string();
  return etag + '"';
}

}  // namespace

const CachedList& ListCache::get(const Key& key) {
  for (auto it = lists_.begin(); it != lists_.end(); ++it) {
    if (it->first != key) continue;
    lists_.splice(lists_.begin(), lists_, it);
    break;
  }
  if (lists_.empty() || lists_.front().first != key) {
    lists_.emplace_front(key, CachedList{});
    if (lists_.size() > kRenderedListsMax) lists_.pop_back();
  }
  CachedList& list = lists_.front().second;
  const Version version = directory_.version();
  if (list.body != nullptr && list.version == version) return list;
  list.version = version;
  list.etag = etag_of(version, key.form, key.view);
  list.body = std::make_shared<const std::string>(
      render_list(directory_, key.form, key.view, !key.netchat));
  list.plain_head = fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Cache-Control: no-cache\r\nETag: {}\r\nVary: Accept, User-Agent\r\n"
      "X-Content-Type-Options: nosniff\r\n",
      list.body->size(), list.etag);
  return list;
}

}  // namespace registry::http
