// open_data: from what people write to a DataSet.
#include <glob.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/source/dataset.h"
#include "data/source/tar.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}
bool is_folder(const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

std::vector<std::string> split(const std::string& text, char between) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(between, at), text.size());
        if (end > at) parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

std::vector<std::string> expand(const std::string& pattern) {
    glob_t found{};
    const int code = ::glob(pattern.c_str(), 0, nullptr, &found);
    std::vector<std::string> paths;
    for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    require(!paths.empty(), pattern, ": no file matches");
    return paths;
}

class Opener {
public:
    Opener(DataSet& data, const SourceOptions& options) : data_(data), options_(options) {}

    void open(const std::string& source) {
        require(!source.empty(), "a data source has an empty name");
        if (is_there(source)) {
            open_path(source);
        } else if (source.find(',') != std::string::npos) {
            for (const std::string& part : split(source, ',')) open(part);
        } else if (source.find_first_of("*?[") != std::string::npos) {
            for (const std::string& path : expand(source)) open_path(path);
        } else {
            const size_t colon = source.find(':');
            require(colon != std::string::npos && is_folder(source.substr(0, colon)) && is_folder(source.substr(colon + 1)), source,
                    ": no such folder, .tar or list");
            open_two(source.substr(0, colon), source.substr(colon + 1), source);
        }
    }

private:
    void open_path(const std::string& path) {
        const std::string suffix = suffix_of(path);
        if (is_folder(path))
            open_folder(path);
        else if (suffix == "txt" || suffix == "lst" || suffix == "list")
            open_list(path);
        else if (suffix == "tar" || suffix == "tgz" || suffix == "gz" || suffix == "xz" || suffix == "zst" || suffix == "bz2")
            take(find_layout(list_tar(std::make_shared<ByteSource>(fs::path(path))), path, options_.unpaired), path);
        else
            fail(path, ": a data source is a folder, a .tar or a list (.txt, .lst)");
    }

    void open_folder(const std::string& path) {
        const std::vector<NamedFile> files = list_folder(path);
        const bool pictures = std::any_of(files.begin(), files.end(), [](const NamedFile& file) { return has_picture_suffix(file.name); });
        std::vector<std::string> tars;
        for (const NamedFile& file : files)
            if (folder_of(file.name).empty() && suffix_of(file.name) == "tar") tars.push_back(file.name);
        if (pictures || tars.empty()) {
            take(find_layout(files, path, options_.unpaired), path);
            return;
        }
        for (const std::string& tar : tars) open_path((fs::path(path) / tar).string());
    }

    void open_two(const std::string& images, const std::string& masks, const std::string& where) {
        std::vector<NamedFile> files;
        for (NamedFile& file : list_folder(images))
            if (folder_of(file.name).empty()) files.push_back({"images/" + file.name, file.file});
        for (NamedFile& file : list_folder(masks))
            if (folder_of(file.name).empty()) files.push_back({"masks/" + file.name, file.file});
        Layout layout = find_layout(files, where, options_.unpaired);
        layout.form = images + " + " + masks;
        take(std::move(layout), where);
    }

    void open_list(const std::string& path) {
        const ByteSource source{fs::path(path)};
        const std::vector<uint8_t> bytes = source.read(0, static_cast<size_t>(source.size()));
        require(std::find(bytes.begin(), bytes.end(), 0) == bytes.end(), path, ": this is no text, a list is needed");
        const fs::path folder = fs::path(path).parent_path();
        Layout layout;
        std::vector<std::string> names;
        size_t number = 0;
        for (const std::string& line : lines_of({bytes.begin(), bytes.end()})) {
            ++number;
            const std::vector<std::string> parts = parts_of(line);
            if (parts.empty() || parts[0].starts_with('#')) continue;
            require(parts.size() <= 2, path, " line ", number, ": there are ", parts.size(),
                    " parts; write \"picture mask\" with a tab between them, or one name");
            require(parts.size() == 2 ? names.empty() : layout.pairs.empty(), path, " line ", number, ": pairs and single names are mixed");
            if (parts.size() == 1) {
                names.push_back(parts[0]);
                continue;
            }
            for (const std::string& part : parts)
                require(is_there(folder / part), path, " line ", number, ": ", (folder / part).string(), " is not there");
            layout.pairs.push_back({stem_of(parts[0]), FileRef(folder / parts[0]), FileRef(folder / parts[1]), FileRef()});
        }
        require(!names.empty() || !layout.pairs.empty(), path, ": the list is empty");
        if (names.empty()) {
            layout.form = "list of pairs";
            take(std::move(layout), path);
        } else {
            open_names(names, folder.empty() ? "." : folder.string(), path);
        }
    }

    // Names pick from the data set beside the list; its other files need no partner.
    void open_names(const std::vector<std::string>& names, const std::string& folder, const std::string& path) {
        Layout all = find_layout(list_folder(folder), folder, Unpaired::skip), layout;
        std::map<std::string, const Pair*> by_name;
        for (const Pair& pair : all.pairs) by_name[pair.name] = &pair;
        std::set<std::string> taken;
        for (const std::string& written : names) {
            const std::string name = has_picture_suffix(written) ? stem_of(written) : base_of(written);
            const auto found = by_name.find(name);
            require(found != by_name.end(), path, ": ", printable(written), " is not among the pairs of ", folder, " (", all.form, ")");
            require(taken.insert(name).second, path, ": ", printable(written), " stands in it twice");
            layout.pairs.push_back(*found->second);
        }
        layout.form = "list of names, " + all.form;
        take(std::move(layout), path);
    }

    static std::vector<std::string> lines_of(const std::string& text) {
        std::vector<std::string> lines;
        for (size_t at = 0; at < text.size();) {
            const size_t end = std::min(text.find('\n', at), text.size());
            lines.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        return lines;
    }

    static std::vector<std::string> parts_of(std::string line) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
        const char between = line.find('\t') != std::string::npos ? '\t' : ' ';
        return split(line, between);
    }

    void take(Layout layout, const std::string& where) {
        data_.add_found(concat(where, ": ", layout.pairs.size(), layout.pairs.size() == 1 ? " pair (" : " pairs (", layout.form, ")"));
        for (const std::string& remark : layout.remarks) data_.add_found("  " + remark);
        for (Pair& pair : layout.pairs) data_.add(std::move(pair));
        data_.add_left_out(std::move(layout.left_out));
    }

    DataSet& data_;
    const SourceOptions& options_;
};

}  // namespace

DataSet open_data(const std::vector<std::string>& sources, const SourceOptions& options) {
    require(!sources.empty(), "no data source is given");
    DataSet data;
    data.set_limits(options.limits);
    Opener opener(data, options);
    for (const std::string& source : sources) opener.open(source);
    return data;
}

DataSet open_data(const std::string& source, const SourceOptions& options) { return open_data(std::vector<std::string>{source}, options); }

}  // namespace purnet
