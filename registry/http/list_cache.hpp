// Lists as text, each rendered once a version for all who are shown the same. A core.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "registry/list_view.hpp"

namespace registry::http {

/// A rendered list, good until the directory changes.
struct CachedList {
  Version version = 0;
  std::string etag;
  std::shared_ptr<const std::string> body;
  /// Of a 200 answer to a modern program that asks for plain text: status line and fields, less
  /// "Connection" and the empty line.
  std::string plain_head;
};

class ListCache {
 public:
  struct Key {
    ListForm form = ListForm::kComma;
    View view;
    bool netchat = false;  // lines whose last has no end
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  explicit ListCache(const Directory& directory) : directory_(directory) {}

  /// Valid until the next call.
  const CachedList& get(const Key& key);

 private:
  const Directory& directory_;
  std::list<std::pair<Key, CachedList>> lists_;  // most recently used first; bounded
};

}  // namespace registry::http
