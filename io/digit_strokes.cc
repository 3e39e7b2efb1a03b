#include "adret/core/status.h"
#include "adret/io/digit_strokes_internal.h"

namespace adret::io {
namespace {

constexpr PenPoint kZeroRound[] = {{.55, .0}, {.25, .08}, {.08, .45}, {.2, .88}, {.5, 1.},
                                   {.8, .88}, {.93, .5},  {.8, .1},   {.5, .0}};
constexpr PenPoint kZeroOvershot[] = {{.68, .07}, {.38, .03}, {.14, .3}, {.1, .7},  {.35, .98},
                                      {.7, .92},  {.9, .6},   {.84, .2}, {.58, .0}, {.32, .1}};
constexpr PenPoint kZeroOpen[] = {{.42, .03}, {.16, .25}, {.1, .65}, {.32, .98},
                                  {.68, .96}, {.9, .62},  {.82, .2}, {.55, .02}};

constexpr PenPoint kOneBar[] = {{.5, .0}, {.5, .5}, {.5, 1.}};
constexpr PenPoint kOneLean[] = {{.62, .0}, {.52, .5}, {.4, 1.}};
constexpr PenPoint kOneFlag[] = {{.3, .24}, {.43, .14}, {.56, .0}, {.56, .0}, {.55, .5}, {.53, 1.}};
constexpr PenPoint kOneFoot[] = {{.28, .22}, {.42, .13}, {.53, .0}, {.53, .0}, {.52, .5},
                                 {.52, 1.},  kPenUp,     {.25, 1.}, {.5, .99}, {.82, .99}};

constexpr PenPoint kTwoCorner[] = {{.12, .25}, {.25, .06}, {.5, .0}, {.77, .1}, {.8, .34}, {.6, .6},
                                   {.32, .84}, {.1, 1.},   {.1, 1.}, {.5, .97}, {.93, 1.}};
constexpr PenPoint kTwoLoop[] = {{.16, .2}, {.4, .0},   {.74, .1},  {.76, .36}, {.55, .66}, {.3, .92},
                                 {.1, .95}, {.08, .83}, {.24, .77}, {.46, .88}, {.68, .99}, {.95, .9}};
constexpr PenPoint kTwoSwan[] = {{.2, .16},  {.48, .0},  {.78, .14}, {.72, .42}, {.48, .7},
                                 {.18, .96}, {.18, .96}, {.55, .93}, {.88, .95}};

constexpr PenPoint kThreeBowls[] = {{.15, .13}, {.4, .0},   {.72, .07}, {.74, .3}, {.42, .46}, {.42, .46},
                                    {.76, .55}, {.86, .77}, {.62, .98}, {.3, 1.},  {.08, .86}};
constexpr PenPoint kThreeRound[] = {{.18, .08}, {.5, .0},   {.76, .15}, {.66, .38}, {.42, .47},
                                    {.68, .54}, {.84, .74}, {.68, .96}, {.36, 1.},  {.1, .9}};
constexpr PenPoint kThreeFlat[] = {{.12, .03}, {.45, .02}, {.82, .0},  {.82, .0},  {.62, .2}, {.42, .4},
                                   {.42, .4},  {.73, .48}, {.86, .72}, {.62, .97}, {.3, 1.},  {.08, .88}};

constexpr PenPoint kFourOpen[] = {{.22, .02}, {.16, .3}, {.1, .56}, {.1, .56}, {.5, .57},
                                  {.94, .53}, kPenUp,    {.73, .0}, {.7, .5},  {.66, 1.}};
constexpr PenPoint kFourClosed[] = {{.64, .0},  {.38, .3}, {.06, .66}, {.06, .66}, {.5, .67},
                                    {.96, .65}, kPenUp,    {.66, .0},  {.65, .5},  {.64, 1.}};
constexpr PenPoint kFourBowl[] = {{.18, .02}, {.1, .34},  {.24, .52}, {.54, .5}, {.8, .36},
                                  kPenUp,     {.83, .04}, {.77, .5},  {.68, 1.}};
constexpr PenPoint kFourOneStroke[] = {{.2, .0},   {.12, .28}, {.12, .5}, {.4, .53},  {.82, .46},
                                       {.82, .46}, {.84, .2},  {.84, .2}, {.78, .55}, {.7, 1.}};

constexpr PenPoint kFiveCorners[] = {{.82, .02}, {.52, .02}, {.26, .03}, {.26, .03}, {.22, .22}, {.18, .44}, {.18, .44},
                                     {.46, .35}, {.78, .46}, {.85, .7},  {.65, .95}, {.35, 1.},  {.08, .88}};
constexpr PenPoint kFiveHat[] = {{.27, .06}, {.23, .25}, {.2, .44}, {.2, .44},  {.52, .38}, {.8, .54}, {.8, .8},
                                 {.52, 1.},  {.12, .93}, kPenUp,    {.27, .05}, {.56, .05}, {.92, .0}};
constexpr PenPoint kFiveSnake[] = {{.86, .05}, {.52, .02}, {.27, .14}, {.28, .38}, {.6, .5},
                                   {.8, .72},  {.62, .96}, {.32, 1.},  {.1, .9}};

constexpr PenPoint kSixCurl[] = {{.72, .02}, {.42, .18}, {.18, .5},  {.16, .8},  {.4, 1.},
                                 {.7, .93},  {.8, .7},   {.62, .53}, {.36, .57}, {.18, .74}};
constexpr PenPoint kSixStraight[] = {{.58, .0},  {.34, .32}, {.14, .68}, {.26, .96}, {.58, .98},
                                     {.78, .78}, {.62, .59}, {.34, .62}, {.18, .78}};
constexpr PenPoint kSixHooked[] = {{.82, .12}, {.66, .0},  {.38, .1},  {.16, .45}, {.16, .82},
                                   {.44, 1.},  {.76, .88}, {.78, .64}, {.5, .52},  {.2, .66}};

constexpr PenPoint kSevenPlain[] = {{.08, .06}, {.46, .05}, {.88, .02}, {.88, .02}, {.65, .42}, {.44, 1.}};
constexpr PenPoint kSevenBarred[] = {{.08, .05}, {.46, .05}, {.88, .02}, {.88, .02}, {.64, .42},
                                     {.46, 1.},  kPenUp,     {.34, .54}, {.58, .52}, {.84, .5}};
constexpr PenPoint kSevenSerif[] = {{.1, .22},  {.1, .12},  {.12, .04}, {.12, .04}, {.5, .08},
                                    {.92, .03}, {.92, .03}, {.66, .34}, {.54, .65}, {.5, 1.}};
constexpr PenPoint kSevenRound[] = {{.1, .12}, {.4, .03}, {.76, .03}, {.84, .16}, {.66, .48}, {.5, 1.}};

constexpr PenPoint kEightOneStroke[] = {{.74, .13}, {.5, .0},  {.26, .1},  {.26, .32}, {.5, .48}, {.78, .66}, {.78, .9},
                                        {.5, 1.},   {.22, .9}, {.22, .66}, {.5, .48},  {.74, .3}, {.74, .12}};
constexpr PenPoint kEightRings[] = {{.5, .0},   {.27, .1}, {.28, .35}, {.5, .45},  {.72, .34},
                                    {.72, .1},  {.5, .0},  kPenUp,     {.5, .45},  {.22, .56},
                                    {.18, .82}, {.5, 1.},  {.82, .82}, {.78, .56}, {.5, .45}};
constexpr PenPoint kEightOpen[] = {{.8, .1}, {.5, .0},  {.22, .15}, {.4, .42},  {.7, .62}, {.8, .84},
                                   {.5, 1.}, {.2, .85}, {.35, .58}, {.65, .35}, {.86, .06}};

constexpr PenPoint kNineStraight[] = {{.78, .18}, {.55, .02}, {.25, .1}, {.18, .36}, {.4, .5},
                                      {.68, .4},  {.8, .14},  {.8, .14}, {.77, .55}, {.72, 1.}};
constexpr PenPoint kNineCurved[] = {{.76, .16}, {.5, .0},  {.22, .14}, {.22, .38}, {.48, .5}, {.74, .36},
                                    {.8, .12},  {.8, .12}, {.83, .5},  {.7, .86},  {.46, 1.}, {.2, .92}};
constexpr PenPoint kNineSlanted[] = {{.74, .26}, {.68, .04}, {.38, .02}, {.2, .24}, {.34, .46},
                                     {.6, .42},  {.78, .2},  {.66, .58}, {.42, 1.}};

constexpr PenWay kZero[] = {kZeroRound, kZeroOvershot, kZeroOpen};
constexpr PenWay kOne[] = {kOneBar, kOneLean, kOneFlag, kOneFoot};
constexpr PenWay kTwo[] = {kTwoCorner, kTwoLoop, kTwoSwan};
constexpr PenWay kThree[] = {kThreeBowls, kThreeRound, kThreeFlat};
constexpr PenWay kFour[] = {kFourOpen, kFourClosed, kFourBowl, kFourOneStroke};
constexpr PenWay kFive[] = {kFiveCorners, kFiveHat, kFiveSnake};
constexpr PenWay kSix[] = {kSixCurl, kSixStraight, kSixHooked};
constexpr PenWay kSeven[] = {kSevenPlain, kSevenBarred, kSevenSerif, kSevenRound};
constexpr PenWay kEight[] = {kEightOneStroke, kEightRings, kEightOpen};
constexpr PenWay kNine[] = {kNineStraight, kNineCurved, kNineSlanted};

constexpr absl::Span<const PenWay> kDigits[] = {kZero, kOne, kTwo, kThree, kFour, kFive, kSix, kSeven, kEight, kNine};

}  // namespace

absl::Span<const PenWay> StylesOf(int digit) {
  AD_CHECK(digit >= 0 && digit < 10);
  return kDigits[digit];
}

}  // namespace adret::io
