#include "data/source/dataset.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "data/image/encode.h"
#include "tests/support/goldens.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    atomic_write(path, text);
}

void put_picture(const fs::path& path, uint8_t value) { test::put(path, Image(4, 3, 3, value)); }

// Three pairs in two folders.
void put_set(const fs::path& images, const fs::path& masks, const std::string& prefix = "n") {
    for (int i = 0; i < 3; ++i) {
        put_picture(images / (prefix + std::to_string(i) + ".jpg"), static_cast<uint8_t>(10 * i));
        put_picture(masks / (prefix + std::to_string(i) + ".png"), static_cast<uint8_t>(100 + i));
    }
}

}  // namespace

TEST_CASE("data set: every layout in use is found by itself and said") {
    const std::pair<const char*, const char*> layouts[] = {
        {"images", "masks"},
        {"image", "mask"},
        {"Image", "Mask"},
        {"image", "groundtruth"},
        {"im", "gt"},
        {"imgs", "gt"},
        {"Imgs", "GT"},
        {"images", "segmentations"},
        {"im_aug", "gt_aug"},
        {"images", "ground_truth_mask"},
        {"DUTS-TR-Image", "DUTS-TR-Mask"},
        {"DUTS-TR/DUTS-TR-Image", "DUTS-TR/DUTS-TR-Mask"},
        {"datasets/imgs/pascal", "datasets/masks/pascal"},
        {"ECSSD/images", "ECSSD/masks"},
    };
    for (const auto& layout : layouts) {
        const std::string images = layout.first, masks = layout.second;
        CAPTURE(images);
        const test::TemporaryFolder folder;
        put_set(folder / images, folder / masks);
        put(folder / "README.txt", "not a picture");
        put(folder / ".hidden/images/x.jpg", "neither");
        const DataSet data = open_data(folder.path().string());
        REQUIRE(data.size() == 3);
        CHECK(data.name(0) == "n0");
        CHECK(data.describe() == folder.path().string() + ": 3 pairs (" + images + "/ + " + masks + "/)");
        for (size_t i = 0; i < 3; ++i) {
            CHECK(data.read_mask(i).pixels[0] == 100 + i);
            CHECK(data.read_image(i).channels == 3);
            CHECK_FALSE(data.has_labels(i));
        }
    }
}

TEST_CASE("data set: pictures beside their masks in one folder") {
    const test::TemporaryFolder folder;
    put_set(folder.path(), folder.path());
    const DataSet data = open_data(folder.path().string());
    CHECK(data.size() == 3);
    CHECK(data.describe() == folder.path().string() + ": 3 pairs (pictures .jpg beside masks .png)");
    CHECK(data.read_mask(2).pixels[0] == 102);
    put_picture(folder / "lonely.png", 1);
    REFUSED(open_data(folder.path().string()), "1 mask has no picture: 'lonely.png'");
}

TEST_CASE("data set: missing partners are named, or skipped when asked") {
    const test::TemporaryFolder folder;
    put_set(folder / "images", folder / "masks");
    for (int i = 0; i < 7; ++i) put_picture(folder / ("images/extra" + std::to_string(i) + ".jpg"), 1);
    REFUSED(open_data(folder.path().string()),
            "7 pictures have no mask: 'extra0.jpg', 'extra1.jpg', 'extra2.jpg', 'extra3.jpg', 'extra4.jpg' and 2 more; add");
    SourceOptions skip;
    skip.unpaired = Unpaired::skip;
    const DataSet data = open_data(folder.path().string(), skip);
    CHECK(data.size() == 3);
    CHECK(data.describe().find("\n  skipped 7 pictures have no mask") != std::string::npos);
    for (int i = 0; i < 3; ++i) fs::remove(folder / ("masks/n" + std::to_string(i) + ".png"));
    put_picture(folder / "masks/else.png", 1);
    REFUSED(open_data(folder.path().string(), skip), "no picture has a mask of the same name");
}

TEST_CASE("data set: the odd files of DUTS: a JPEG beside the PNG of a mask is left out and said") {
    const test::TemporaryFolder folder;
    put_set(folder / "DUTS-TR-Image", folder / "DUTS-TR-Mask");
    put_picture(folder / "DUTS-TR-Mask/n1.jpg", 7);
    const DataSet data = open_data(folder.path().string());
    CHECK(data.size() == 3);
    CHECK(data.read_mask(1).pixels[0] == 101);
    CHECK(data.describe().find("1 mask that isn't PNG lies beside the PNG of the same name and is left out") != std::string::npos);
    put_picture(folder / "DUTS-TR-Image/n1.png", 7);
    REFUSED(open_data(folder.path().string()), "have one name; take one of them away");
}

TEST_CASE("data set: nothing there, several sets, several folders for one role") {
    const test::TemporaryFolder folder;
    const std::string root = folder.path().string();
    REFUSED(open_data(root), "no data set is found here: there are no pictures in it; put pictures into images/");
    put_picture(folder / "holiday/a.jpg", 1);
    REFUSED(open_data(root), "pictures lie in 'holiday/'");
    put_set(folder / "A/images", folder / "A/masks");
    put_set(folder / "B/im", folder / "B/gt");
    REFUSED(open_data(root), "2 data sets lie here ('A/images + A/masks', 'B/im + B/gt'); name one of them");
    CHECK(open_data(root + "/A").size() == 3);
    put_set(folder / "A/images", folder / "A/gt");
    REFUSED(open_data(root + "/A"), "several folders could hold the masks ('gt', 'masks'); name the two folders as PICTURES:MASKS");
    CHECK(open_data(root + "/A/images:" + root + "/A/gt").size() == 3);
    REFUSED(open_data(root + "/absent"), "/absent: no such folder, .tar or list");
    REFUSED(open_data(root + "/holiday/a.jpg"), "a data source is a folder, a .tar or a list");
    REFUSED(open_data(std::vector<std::string>{}), "no data source is given");
}

TEST_CASE("data set: several sources, commas, globs, tars and folders of tars") {
    const test::TemporaryFolder folder;
    const std::string root = folder.path().string();
    put_set(folder / "A/images", folder / "A/masks", "a");
    put_set(folder / "B/images", folder / "B/masks", "b");
    for (const DataSet& data : {open_data({root + "/A", root + "/B"}), open_data(root + "/A," + root + "/B"), open_data(root + "/[AB]")}) {
        CHECK(data.size() == 6);
        CHECK(data.name(5) == "b2");
    }
    REFUSED(open_data(root + "/*.tar"), "/*.tar: no file matches");
    fs::create_directories(folder / "tars");
    fs::copy_file("tests/goldens/tar/gnu.tar", folder / "tars/one.tar");
    fs::copy_file("tests/goldens/tar/ustar.tar", folder / "tars/two.tar");
    const DataSet tars = open_data(root + "/tars");
    CHECK(tars.size() == 7);
    CHECK(tars.name(0) == "a");
    CHECK(tars.read_image(0).pixels[0] == 99);
    CHECK(tars.describe() == root + "/tars/one.tar: 4 pairs (images/ + masks/)\n" + root + "/tars/two.tar: 3 pairs (images/ + masks/)");
    CHECK(open_data(root + "/tars/*.tar").size() == 7);
    const DataSet some = tars.subset({6, 0});
    CHECK(some.size() == 2);
    CHECK(some.name(1) == "a");
}

TEST_CASE("data set: lists of pairs and of names") {
    const test::TemporaryFolder folder;
    const std::string root = folder.path().string();
    put_set(folder / "image", folder / "mask");
    put_picture(folder / "image/without mask.jpg", 3);
    put(folder / "train.lst", "# pairs\nimage/n0.jpg mask/n0.png\r\n\nimage/n2.jpg mask/n2.png\n");
    const DataSet pairs = open_data(root + "/train.lst");
    REQUIRE(pairs.size() == 2);
    CHECK(pairs.name(1) == "n2");
    CHECK(pairs.read_mask(1).pixels[0] == 102);
    CHECK(pairs.describe() == root + "/train.lst: 2 pairs (list of pairs)");
    put(folder / "names.txt", "n2\nn0.jpg\n");
    const DataSet names = open_data(root + "/names.txt");
    REQUIRE(names.size() == 2);
    CHECK(names.name(0) == "n2");
    CHECK(names.describe() == root + "/names.txt: 2 pairs (list of names, image/ + mask/)");
    put(folder / "tab.lst", "image/without mask.jpg\tmask/n1.png\n");
    CHECK(open_data(root + "/tab.lst").name(0) == "without mask");
    put(folder / "bad1.txt", "n0\nn9\n");
    REFUSED(open_data(root + "/bad1.txt"), "'n9' is not among the pairs of");
    put(folder / "bad2.txt", "a b c\n");
    REFUSED(open_data(root + "/bad2.txt"), "bad2.txt line 1: there are 3 parts");
    put(folder / "bad3.txt", "n0\nimage/n0.jpg mask/n0.png\n");
    REFUSED(open_data(root + "/bad3.txt"), "bad3.txt line 2: pairs and single names are mixed");
    put(folder / "bad4.lst", "image/n0.jpg mask/n7.png\n");
    REFUSED(open_data(root + "/bad4.lst"), "mask/n7.png is not there");
    put(folder / "bad5.txt", "\n\n");
    REFUSED(open_data(root + "/bad5.txt"), "the list is empty");
    put(folder / "bad6.txt", "n0\nn0\n");
    REFUSED(open_data(root + "/bad6.txt"), "'n0' stands in it twice");
}

TEST_CASE("data set: region labels beside the pictures, as PNG and NPY") {
    const test::TemporaryFolder folder;
    put_set(folder / "image", folder / "groundtruth");
    Image16 words(4, 3, 1, 0);
    words.pixels[5] = 300;
    fs::create_directories(folder / "image_sp");
    atomic_write(folder / "image_sp/n0.png", encode_png(words));
    write_npy(folder / "image_sp/n1.npy", make_array<int32_t>({3, 4}, std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 70000}));
    write_npy(folder / "image_sp/n2.npy", make_array<int32_t>({1, 1}, std::vector<int32_t>{-1}));
    const DataSet data = open_data(folder.path().string());
    CHECK(data.describe().find("(image/ + groundtruth/ + image_sp/)") != std::string::npos);
    CHECK(data.read_labels(0).pixels[5] == 300);
    const LabelMap npy = data.read_labels(1);
    CHECK((npy.width == 4 && npy.height == 3 && npy.pixels[11] == 70000));
    REFUSED(data.read_labels(2), "a region label is -1, below 0");
}

TEST_CASE("data set: region labels as MATLAB's .mat") {
    const test::TemporaryFolder folder;
    put_set(folder / "image", folder / "groundtruth");
    fs::create_directories(folder / "image_sp");
    fs::copy_file(test::golden_path("mat/packed.mat"), folder / "image_sp/n0.mat");
    fs::copy_file(test::golden_path("mat/double.mat"), folder / "image_sp/n1.mat");
    std::ofstream(folder / "image_sp/n2.mat", std::ios::binary) << "MATLAB 7.3 MAT-file, Platform: PCWIN64";
    const DataSet data = open_data(folder.path().string());
    for (const size_t i : {size_t{0}, size_t{1}}) {
        const LabelMap labels = data.read_labels(i);
        CHECK((labels.width == 7 && labels.height == 5 && labels.pixels[0] == 0 && labels.pixels[8] == 11 && labels.pixels[34] == 46));
    }
    REFUSED(data.read_labels(2), "n2.mat: this MAT-file is of version 7.3, which is HDF5");
    REFUSED(decode_labels(read_picture_bytes(test::golden_path("mat/plain.mat")), "big.mat", DecodeLimits{34}),
            "more than the limit of 34");
}

TEST_CASE("data set: an unreadable picture is named when it is read") {
    const test::TemporaryFolder folder;
    put_set(folder / "images", folder / "masks");
    put(folder / "images/n1.jpg", "this is text");
    put(folder / "masks/n2.png", "");
    const DataSet data = open_data(folder.path().string());
    CHECK(data.size() == 3);
    REFUSED(data.read_image(1), "images/n1.jpg: this is text, not a picture");
    REFUSED(data.read_mask(2), "masks/n2.png: the file is empty");
    SourceOptions small;
    small.limits.max_pixels = 10;
    REFUSED(open_data(folder.path().string(), small).read_image(0), "more than the limit of 10");
}

}  // namespace purnet
